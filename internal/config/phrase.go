package config

import "strings"

// phrase turns the sentence that a package says about a field ("is missing;
// wanted the login", "must be https", "holds a colon") into what was found and
// what is wanted. given says whether the file holds the field at all.
func phrase(problem string, given bool) (found, wanted string) {
	sentence, wanted, ok := strings.Cut(problem, "; wanted ")
	if !ok {
		switch duty, must := strings.CutPrefix(problem, "must "); {
		case strings.HasPrefix(duty, "not ") && must:
			sentence, wanted = breach(strings.TrimPrefix(duty, "not "))
		case must:
			sentence, wanted = "", target(duty)
		default:
			sentence, wanted = opposite(problem)
		}
	}
	return state(sentence, given), wanted
}

// state is what was found: nothing, or a value of which this was said.
func state(sentence string, given bool) string {
	switch {
	case !given, sentence == "is missing", sentence == "is empty":
		return "nothing"
	case sentence == "", strings.HasPrefix(sentence, "is not "), strings.HasPrefix(sentence, "is no "), strings.HasPrefix(sentence, "is neither "):
		return "something else"
	}
	return "a value that " + sentence
}

// target turns what a value must do into the value: "be https" into "https",
// "begin with whsec_" into "a value that begins with whsec_".
func target(duty string) string {
	verb, rest, _ := strings.Cut(duty, " ")
	switch verb {
	case "be":
		return rest
	case "have", "hold":
		return "a value with " + rest
	}
	return "a value that " + third(verb) + " " + rest
}

// breach turns what a value must not do into what it does and what is wanted:
// "hold a password; it is seen" into "holds a password" and "a value that does
// not: it is seen".
func breach(duty string) (sentence, wanted string) {
	verb, rest, _ := strings.Cut(duty, " ")
	return opposite(third(verb) + " " + rest)
}

// opposite takes a sentence about a value apart into what it says and what would
// be right.
func opposite(sentence string) (said, wanted string) {
	said, reason, _ := strings.Cut(sentence, "; ")
	if reason != "" {
		reason = ": " + reason
	}
	if rest, ok := strings.CutPrefix(said, "is not "); ok {
		return said, rest + reason
	}
	if before, after, ok := strings.Cut(said, "neither "); ok {
		choice := strings.Replace(after, " nor ", " or ", 1)
		if before != "is " {
			choice = "a value that " + before + choice
		}
		return said, choice + reason
	}
	switch {
	case said == "is missing", said == "is empty":
		return said, "a value" + reason
	case strings.HasPrefix(said, "is "):
		return said, "a value that is not" + reason
	}
	return said, "a value that does not" + reason
}

// third is a verb's third person.
func third(verb string) string {
	switch verb {
	case "be":
		return "is"
	case "have":
		return "has"
	}
	return verb + "s"
}
