package recovery

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"
)

// TestMain adds the flags, and makes this binary the process that is killed: with
// -role it lives or recovers and reports to its parent, and runs no test.
func TestMain(m *testing.M) {
	flag.Int("timers", 0, "how many timers are armed, one in ten of them under 15 minutes; 0: nothing is measured")
	flag.Int("polls", 1, "polls per long timer while these are armed")
	flag.Duration("settle", 150*time.Second, "how long the broker runs on before it is killed; it compacts its files every 2 minutes")
	flag.String("under", "", "folder on the disk to measure; empty: the system's for temporary files")
	flag.String("profile", "", "write CPU profiles of the recoveries to this name and .kill or .stop")
	role := flag.String("role", "", "used by the benchmark itself")
	data := flag.String("data", "", "used by the benchmark itself")
	flag.Parse()
	if *role == "" {
		os.Exit(m.Run())
	}
	if err := play(*role, *data); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// setting gives the value of a flag.
func setting[T any](name string) (T, error) {
	var none T
	f := flag.Lookup(name)
	if f == nil {
		return none, fmt.Errorf("-%s is no flag", name)
	}
	getter, ok := f.Value.(flag.Getter)
	if !ok {
		return none, fmt.Errorf("-%s can't be read", name)
	}
	v, ok := getter.Get().(T)
	if !ok {
		return none, fmt.Errorf("-%s is of another type", name)
	}
	return v, nil
}
