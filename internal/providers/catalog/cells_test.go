package catalog

import (
	"strconv"
	"strings"
)

// shown is a text with nothing in it that looks like something else: what is not
// printable ASCII is escaped as in Go and JSON, so that a Cyrillic letter that
// passes for a Latin one can be seen. Line breaks become spaces.
func shown(text string) string {
	// Not strings.Fields, which drops white space that has to be seen.
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n", r) }), " ")
	var out strings.Builder
	for _, r := range text {
		if r >= ' ' && r <= '~' {
			out.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRuneToASCII(r)
		out.WriteString(quoted[1 : len(quoted)-1])
	}
	return out.String()
}

// plain is a text for a cell of a table, as text.
func plain(text string) string {
	return strings.NewReplacer(`\`, `\\`, "|", `\|`, "`", "\\`", "*", `\*`, "_", `\_`, "<", `\<`, ">", `\>`, "[", `\[`, "]", `\]`).Replace(shown(text))
}

// code is a text for a cell of a table, as code; empty stays empty.
func code(text string) string {
	text = shown(text)
	if text == "" {
		return ""
	}
	// The bar ends a cell even inside of code.
	text = strings.ReplaceAll(text, "|", `\|`)
	if strings.Contains(text, "`") {
		return "`` " + text + " ``"
	}
	return "`" + text + "`"
}

// line is one line of a table.
func line(cells ...string) string { return "| " + strings.Join(cells, " | ") + " |\n" }

// head is the first two lines of a table.
func head(names ...string) string {
	rule := make([]string, len(names))
	for i := range names {
		rule[i] = "---"
	}
	return line(names...) + line(rule...)
}
