// Package config reads the configuration file: YAML to typed sections to the
// options of the packages they belong to.
//
// Every fault of a file is reported at once, each with line, column, field,
// what was found and what is wanted. Only text that is not YAML at all stops at
// its first fault. Unknown and repeated keys, anchors, aliases and tags are
// faults; so are settings without effect, such as a burst without a rate. A
// key with nothing behind it ("key:", "~", empty text) counts as left out.
//
// Secrets are never written into the file: they are named, {env: NAME} or
// {file: PATH}, and read when the file is loaded. No fault repeats a secret, nor
// a text that could be one in the wrong place: of texts only words of a closed
// list, durations, networks and names of settings and environment variables are
// repeated, and only if they are short and look like one.
//
// Where a package checks its own options, its faults are given their place in
// the file; what only this package knows (how the options fit each other) is
// checked here. A Config that was returned is whole: worker and adapters take it
// without a further fault. Nothing is kept between calls, so everything is safe
// for concurrent use; a Config must not be changed.
package config
