package recovery

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// BenchmarkRecovery gives an embedded broker a life (see life), kills its process
// with SIGKILL, starts another on the same data, stops that in order and starts a
// third. For both starts it prints when the store was recovered, JetStream
// answered and the first timer fired, counted from the start of the process, the
// time used of the processors until then and the memory at most. Beside them, as
// what nothing can be quicker than: a start on an empty folder, and reading the
// files of the store once (from memory, where the system has them).
//
// It is asked for by -timers, because a million take minutes (the life, and 150 s
// in which the broker compacts its files) and 3 GB of disk and memory. The killed
// process does not wait for the disk; those that recover do, as in production.
//
//	go test ./internal/broker/recovery -run '^$' -bench Recovery -benchtime 1x -timeout 1h -v -timers 1000000
func BenchmarkRecovery(b *testing.B) {
	timers, err := setting[int]("timers")
	if err != nil {
		b.Fatal(err)
	}
	if timers <= 0 {
		b.Skip("takes minutes: say how many -timers, 1000000 for example")
	}
	under, err := setting[string]("under")
	if err != nil {
		b.Fatal(err)
	}
	if under == "" {
		under = b.TempDir()
	}
	for b.Loop() {
		once(b, under)
	}
	b.ReportMetric(0, "ns/op") // of a whole life; says nothing
}

func once(b *testing.B, under string) {
	data, err := os.MkdirTemp(under, "recovery")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(data) }()

	nothing := run(b, roleEmpty, filepath.Join(data, "empty"), "")
	empty := nothing.until(stageReady)
	nothing.stop()

	store := filepath.Join(data, "store")
	life := run(b, roleLive, store, "")
	lived := life.until(stageLived)
	life.kill()
	size, files, reading := floor(b, store)
	b.Logf("lived %s: %d messages up to sequence %d, %d MB in %d files, %d MB of memory at most",
		lived.after.Round(time.Second), lived.Messages, lived.Last, size>>20, files, lived.Peak>>10)
	b.Logf("floors: a start on nothing %s, reading the store once %s", ms(empty.after), ms(reading))

	killed := restart(b, store, ".kill")
	stopped := restart(b, store, ".stop")
	b.ReportMetric(killed.after.Seconds(), "s-after-kill")
	b.ReportMetric(stopped.after.Seconds(), "s-after-stop")
	b.ReportMetric(float64(killed.Peak)/1024, "MB-after-kill")
}

// restart starts on a store, prints what it took, and stops in order.
func restart(b *testing.B, store, suffix string) timed {
	p := run(b, roleRecover, store, suffix)
	ready, answers, working := p.until(stageReady), p.until(stageAnswers), p.until(stageWorking)
	b.Logf("%s: recovered %s, answers %s (%d messages), first timer %s, processors %s; memory at most %d MB, then %d MB", suffix,
		ms(ready.after), ms(answers.after), answers.Messages, ms(working.after), ms(working.CPU), working.Peak>>10, working.Resident>>10)
	p.stop()
	return working
}

func ms(d time.Duration) string { return d.Round(time.Millisecond).String() }

// floor reads all files once, and gives their size, number and the time.
func floor(b *testing.B, store string) (size int64, files int, took time.Duration) {
	began := time.Now()
	err := filepath.WalkDir(store, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		n, err := io.Copy(io.Discard, f)
		size, files = size+n, files+1
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return size, files, time.Since(began)
}
