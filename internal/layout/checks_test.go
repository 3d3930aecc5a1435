package layout

import (
	"strings"
	"testing"
)

// snippet parses a file that stands at name; its package is the folder's.
func snippet(t *testing.T, name, text string) source {
	t.Helper()
	s, err := parse(name, text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const (
	inPackage = "internal/guard/x.go"
	inTest    = "internal/guard/x_test.go"
	inConfig  = "internal/config/x.go"
	inCmd     = "cmd/reconciler/x.go"
)

func TestCallRules_FindWhatTheyForbid(t *testing.T) {
	for _, c := range []struct{ name, file, text, want string }{
		{"default client", inPackage, `import "net/http"; var _ = http.DefaultClient`, "http.DefaultClient"},
		{"default client in a test", inTest, `import "net/http"; func f() { http.Get("") }`, "net/http.Get"},
		{"default client under another name", inPackage, `import web "net/http"; func f() { web.Post("", "", nil) }`, "net/http.Post"},
		{"client without transport", inPackage, `import "net/http"; var c = &http.Client{Timeout: 1}`, "without a Transport"},
		{"client with transport", inPackage, `import "net/http"; func f(r http.RoundTripper) { _ = &http.Client{Transport: r} }`, ""},
		{"global randomness", inTest, `import "math/rand/v2"; func f() { rand.IntN(3) }`, "math/rand/v2.IntN"},
		{"own randomness", inPackage, `import "math/rand/v2"; func f(r *rand.Rand) { rand.New(rand.NewPCG(1, 2)) }`, ""},
		{"old randomness", inPackage, `import "math/rand"; func f() { rand.New(nil) }`, "math/rand.New"},
		{"context from nowhere", inPackage, `import "context"; func f() { context.Background() }`, "context.Background"},
		{"context from nowhere yet", inPackage, `import "context"; func f() { context.` + "TO" + `DO() }`, "comes from the caller"},
		{"context in a test", inTest, `import "context"; func f() { context.Background() }`, ""},
		{"environment", inPackage, `import "os"; func f() { os.LookupEnv("") }`, "os.LookupEnv"},
		{"environment in the config", inConfig, `import "os"; func f() { os.LookupEnv("") }`, ""},
		{"exit from depth", inConfig, `import "os"; func f() { os.Exit(1) }`, "only main exits"},
		{"print", inConfig, `import "fmt"; func f() { fmt.Println() }`, "fmt.Println"},
		{"print to a writer", inPackage, `import ("fmt"; "io"); func f(w io.Writer) { fmt.Fprintln(w) }`, ""},
		{"print in the command", inCmd, `import "fmt"; func f() { fmt.Println() }`, ""},
		{"default log", inPackage, `import "log"; func f() { log.Printf("") }`, "log.Printf"},
		{"sleep in a test", inTest, `import "time"; func f() { time.Sleep(1) }`, "time.Sleep"},
		{"sleep in a package for tests", "internal/broker/brokertest/x.go", `import "time"; func f() { time.Sleep(1) }`, "time.Sleep"},
		{"sleep in a bubble", inTest, `import ("time"; "testing/synctest"); func f() { time.Sleep(1); synctest.Wait() }`, ""},
		{"sleep in a helper's bubble", inTest, `import ("time"; "reconciler/internal/broker/brokertest"); func f() { brokertest.Bubble(nil, func() { time.Sleep(1) }) }`, ""},
		{"sleep beside a word like bubble", inTest, `import "time"; func f(inBubble int) { time.Sleep(1) }`, "time.Sleep"},
		{"panic", inPackage, `func f() { panic("") }`, "panic"},
		{"panic in a test", inTest, `func f() { panic("") }`, ""},
		{"println", inPackage, `func f() { println() }`, "println"},
		{"init", inPackage, `func init() {}`, "func init"},
		{"method called init", inPackage, `type t struct{}; func (t) init() {}`, ""},
		{"subtest without a name", inTest, `import "testing"; func f(t *testing.T) { t.Run("", nil) }`, "without a name"},
		{"subtest with a name", inTest, `import "testing"; func f(t *testing.T) { t.Run("a", nil) }`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantProblem(t, checkCalls(snippet(t, c.file, "package x; "+c.text)), c.want)
		})
	}
}

func TestVarRules_FindState(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"channel", `var c chan int`, "a channel"},
		{"made channel", `var c = make(chan int)`, "a channel"},
		{"mutex", `import "sync"; var mu sync.Mutex`, "sync.Mutex"},
		{"once", `import "sync"; var f = sync.OnceFunc(func() {})`, "sync.OnceFunc"},
		{"counter", `import "sync/atomic"; var n atomic.Int64`, "sync/atomic.Int64"},
		{"timer", `import "time"; var t = time.NewTimer(1)`, "time.NewTimer"},
		{"client", `import "net/http"; var c = &http.Client{}`, "http.Client"},
		{"flight", `import "golang.org/x/sync/singleflight"; var g singleflight.Group`, "singleflight.Group"},
		{"mutex in an own type", `import "sync"; type box struct { mu sync.Mutex }; var b = &box{}`, "sync.Mutex"},
		{"channel two types deep", `type a struct { b }; type b struct { c chan int }; var x map[string]a`, "a channel"},
		{"in a group", `import "sync"; var ( n = 1; mu sync.Mutex )`, "variable mu"},
		{"error", `import "errors"; var ErrX = errors.New("x")`, ""},
		{"table", `import "time"; var delays = []time.Duration{time.Second}`, ""},
		{"table of functions", `import "sync"; var f = map[string]func(chan int){"a": func(chan int) { var mu sync.Mutex; mu.Lock() }}`, ""},
		{"table of methods", `import "sync"; type box struct { mu sync.Mutex }; func (*box) open() {}; var f = map[string]func(*box){"a": (*box).open}`, ""},
		{"assertion", `type box struct { c chan int }; func (*box) Read(p []byte) (int, error) { return 0, nil }; var _ interface{ Read([]byte) (int, error) } = &box{}`, ""},
		{"another module's", "import \"sync/atomic\"\n//go:linkname n other.n\nvar n atomic.Int64", ""},
		{"beside another module's", "import \"sync/atomic\"\n//go:linkname n other.n\nvar n atomic.Int64\nvar m atomic.Int64", "variable m"},
		{"variable in a function", `import "sync"; func f() { var mu sync.Mutex; mu.Lock() }`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantProblem(t, checkVars([]source{snippet(t, inPackage, "package x; "+c.text)}), c.want)
		})
	}
}

func TestDocRules_FindWhatIsUndocumented(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"function", "func F() {}", "F has no comment"},
		{"documented function", "// F does.\nfunc F() {}", ""},
		{"own function", "func f() {}", ""},
		{"method", "// T is.\ntype T struct{}\nfunc (t *T) M() {}", "M has no comment"},
		{"method of a generic type", "// T is.\ntype T[P any] struct{}\nfunc (t *T[P]) M() {}", "M has no comment"},
		{"method of an own type", "type t struct{}\nfunc (t *t) M() {}", ""},
		{"type", "type T struct{}", "type T has no comment"},
		{"constant", "const C = 1", "C has no comment"},
		{"constant with a comment behind it", "const C = 1 // one", ""},
		{"constants of a group", "// The constants.\nconst (\n\tA = 1\n\tB = 2\n)", ""},
		{"variable", "var V = 1", "V has no comment"},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantProblem(t, checkDocs(snippet(t, inPackage, "package x\n\n"+c.text+"\n")), c.want)
		})
	}
}

func TestPackageCommentRule(t *testing.T) {
	plain, good := "package x\n", "// Package x promises.\npackage x\n"
	for _, c := range []struct {
		name  string
		texts []string
		want  string
	}{
		{"one", []string{good, plain}, ""},
		{"none", []string{plain}, "has 0 package comments"},
		{"two", []string{good, good}, "has 2 package comments"},
		{"of another name", []string{"// Package y promises.\npackage x\n"}, "does not open with"},
		{"the licence", []string{"// Copyright of somebody.\npackage x\n"}, "the licence stands"},
		{"a command", []string{"// Command x does.\npackage main\n"}, ""},
		{"a command that says package", []string{"// Package main does.\npackage main\n"}, "does not open with"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var files []source
			for _, text := range c.texts {
				files = append(files, snippet(t, "internal/x/x.go", text))
			}
			wantProblem(t, checkPackageComment("internal/x", files), c.want)
		})
	}
}

func TestWordRules_FindThem(t *testing.T) {
	for word := range unwanted() {
		wantProblem(t, checkWords("README.md", []byte("fine\nnot "+word+" fine\n")), "README.md:2")
	}
	wantProblem(t, checkWords("x.go", []byte("ctx := context."+"TO"+"DO()")), "") // has a rule of its own
	wantProblem(t, checkWords("x.png", []byte("\x00"+"TO"+"DO")), "")
}

func TestPathRule_FindsWhatIsGone(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"a file":              {"see `internal/layout/doc.go`", ""},
		"a folder":            {"see `internal/layout/`", ""},
		"a file that is gone": {"see `internal/layout/gone.go`", "gone.go"},
		"a link":              {"see [that](../go.mod)", ""},
		"a link that is gone": {"see [that](gone.md#part)", "gone.md"},
		"a link elsewhere":    {"see [that](https://example.com/x) and [this](#part)", ""},
		"a pattern":           {"see `internal/providers/<name>/doc.go`", ""},
	} {
		t.Run(name, func(t *testing.T) {
			problems := checkPaths("docs/x.md", c.text)
			wantProblem(t, problems, c.want)
			if len(problems) > 1 {
				t.Errorf("found %q", strings.Join(problems, "; "))
			}
		})
	}
}
