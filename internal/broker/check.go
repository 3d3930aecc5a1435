package broker

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
)

// check lists what of an existing stream we can't work with. wanted is the
// stream as we would make it. Settings that only cost money or comfort
// (replicas, longer retention, description, placement) are not faults.
func check(found, wanted jetstream.StreamConfig, o ProvisionOptions, server version) []Fault {
	c := &checker{stream: wanted.Name}
	c.same("subjects", covered(found, wanted.Subjects), strings.Join(found.Subjects, ", "), "all of "+strings.Join(wanted.Subjects, ", "))
	c.same("retention", found.Retention == wanted.Retention, strings.ToLower(found.Retention.String()), strings.ToLower(wanted.Retention.String()))
	c.flag("sealed", found.Sealed, false, "nothing can be appended")
	c.flag("allow_msg_ttl", found.AllowMsgTTL, false, "a publisher's header could make messages vanish")
	c.flag("allow_msg_counter", found.AllowMsgCounter, false, "bodies would be numbers")
	c.flag("allow_rollup_hdrs", found.AllowRollup, wanted.AllowRollup, "a publisher's header could delete messages")
	c.flag("allow_msg_schedules", found.AllowMsgSchedules, wanted.AllowMsgSchedules, "a publisher's header could delete messages")
	if server.less(versionPacked()) {
		c.same("compression", found.Compression == jetstream.NoCompression, found.Compression.String(), "none before nats-server "+versionPacked().String()+", which corrupts compressed blocks")
	}
	if wanted.Name == StreamPayments {
		return c.faults // the rest is upstream's own business
	}
	c.ours(found)
	if wanted.MaxMsgsPerSubject <= 0 {
		c.limit("max_msgs_per_subject", found.MaxMsgsPerSubject, dropped)
	}
	switch wanted.Name {
	case StreamWork:
		c.same("max_age", found.MaxAge == 0, age(found.MaxAge), "none, or old timers are dropped")
		c.flag("deny_purge", found.DenyPurge, false, "a fired timer is purged")
		c.flag("deny_delete", found.DenyDelete, false, "finished work is deleted")
	case StreamStatus:
		c.flag("allow_direct", found.AllowDirect, false, "any replica would answer, also one that is behind")
		c.same("max_age", found.MaxAge == 0 || found.MaxAge > o.LongestWatch, age(found.MaxAge), "more than the longest watch, "+age(o.LongestWatch))
	}
	return c.faults
}

type checker struct {
	stream string
	faults []Fault
}

func (c *checker) same(setting string, good bool, found, wanted string) {
	if !good {
		c.faults = append(c.faults, Fault{Stream: c.stream, Setting: setting, Found: orNone(found), Wanted: wanted})
	}
}

// flag is for what is on or off; reason says what goes wrong otherwise.
func (c *checker) flag(setting string, found, wanted bool, reason string) {
	text := strconv.FormatBool(wanted)
	if !wanted {
		text += ", or " + reason
	}
	c.same(setting, found == wanted, strconv.FormatBool(found), text)
}

// limit is for limits that must not be set: the server writes "none" as -1 or 0.
func (c *checker) limit(setting string, found int64, reason string) {
	c.same(setting, found <= 0, strconv.FormatInt(found, 10), "unlimited, or "+reason)
}

const dropped = "the oldest messages are dropped silently or new ones refused"

// ours are the demands on streams that hold our state: nothing may leave them
// but by age, and nothing but us may decide what enters.
func (c *checker) ours(found jetstream.StreamConfig) {
	c.same("storage", found.Storage == jetstream.FileStorage, strings.ToLower(found.Storage.String()), "file, or a restart loses all")
	c.limit("max_msgs", found.MaxMsgs, dropped)
	c.limit("max_bytes", found.MaxBytes, dropped)
	c.limit("max_msg_size", int64(found.MaxMsgSize), "large messages are refused")
	c.same("discard", found.Discard == jetstream.DiscardOld, strings.ToLower(found.Discard.String()), "old")
	c.flag("no_ack", found.NoAck, false, "nobody knows what is stored")
	c.same("mirror", found.Mirror == nil, "set", "none, or the stream can't be written to")
	c.same("sources", len(found.Sources) == 0, sourceNames(found.Sources), "none, or others write into it")
	c.same("subject_transform", found.SubjectTransform == nil, "set", "none, or messages are not where we put them")
	c.same("persist_mode", found.PersistMode == jetstream.DefaultPersistMode, "async", "default, or acknowledged messages can be lost")
}

// crossCheck looks at what other streams do to ours: a subject that is theirs
// already, and copies of the work stream, which lose its timers (nats-server
// issue 8423) or fire them twice.
func crossCheck(all []jetstream.StreamConfig, wanted []jetstream.StreamConfig) []Fault {
	var faults []Fault
	for _, want := range wanted {
		for _, other := range all {
			if other.Name == want.Name {
				continue
			}
			for _, s := range other.Subjects {
				if slices.ContainsFunc(want.Subjects, func(w string) bool { return server.SubjectsCollide(w, s) }) {
					faults = append(faults, Fault{Stream: other.Name, Setting: "subjects", Found: s, Wanted: "nothing that belongs to " + want.Name})
				}
			}
		}
	}
	for _, other := range all {
		if other.Mirror != nil && other.Mirror.Name == StreamWork {
			faults = append(faults, Fault{Stream: other.Name, Setting: "mirror", Found: StreamWork, Wanted: "not " + StreamWork + ", or its timers are lost"})
		}
		for _, s := range other.Sources {
			if s.Name == StreamWork {
				faults = append(faults, Fault{Stream: other.Name, Setting: "sources", Found: StreamWork, Wanted: "not " + StreamWork + ", or its timers are lost"})
			}
		}
	}
	return faults
}

// checkWorkConsumer refuses a consumer of the work queue that would take timers
// for work: acknowledging one deletes it, and the payment is never polled again.
func checkWorkConsumer(c jetstream.ConsumerConfig) []Fault {
	var faults []Fault
	for _, f := range orAll(filtersOf(c)) {
		if server.SubjectsCollide(f, FilterTimers) {
			faults = append(faults, Fault{Stream: StreamWork, Consumer: c.Name, Setting: "filter_subject", Found: f,
				Wanted: "nothing of " + FilterTimers + ", or timers are acknowledged away"})
		}
	}
	return faults
}

func filtersOf(c jetstream.ConsumerConfig) []string {
	if c.FilterSubject != "" {
		return []string{c.FilterSubject}
	}
	return c.FilterSubjects
}

// orAll are the filters of a consumer: without any it gets everything.
func orAll(filters []string) []string {
	if len(filters) == 0 {
		return []string{">"}
	}
	return filters
}

// covered reports whether every wanted subject falls under one of the stream's.
// A mirror has no subjects of its own; what it holds is its origin's choice.
func covered(found jetstream.StreamConfig, wanted []string) bool {
	if found.Mirror != nil || len(found.Sources) > 0 {
		return true
	}
	for _, w := range wanted {
		if !slices.ContainsFunc(found.Subjects, func(s string) bool { return covers(s, w) }) {
			return false
		}
	}
	return true
}

// covers reports whether every subject that narrow matches is matched by wide.
func covers(wide, narrow string) bool {
	w, n := strings.Split(wide, "."), strings.Split(narrow, ".")
	for i, token := range w {
		switch {
		case token == ">":
			return len(n) > i
		case i >= len(n), n[i] == ">", token != "*" && token != n[i]:
			return false
		}
	}
	return len(w) == len(n)
}

func age(d time.Duration) string {
	if d == 0 {
		return "none"
	}
	if d%day == 0 {
		return fmt.Sprintf("%d d", d/day)
	}
	return d.String()
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func sourceNames(sources []*jetstream.StreamSource) string {
	names := make([]string, 0, len(sources))
	for _, s := range sources {
		names = append(names, s.Name)
	}
	return strings.Join(names, ", ")
}
