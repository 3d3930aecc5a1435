package recovery

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// report is what the process says to its parent, one line of JSON each.
type report struct {
	// Stage is what has been reached: started, ready, answers, working; lived.
	Stage string
	// Messages and Last are the count and last sequence of RECON_WORK, where known.
	Messages, Last uint64 `json:",omitempty"`
	// Resident and Peak are the process's memory now and at most so far, in KiB.
	Resident, Peak int
	// CPU is what the process has used of the processors: the part of its time that
	// a busy machine does not make longer.
	CPU time.Duration
}

const (
	stageStarted = "started" // the process runs
	stageReady   = "ready"   // Embed has returned: the store is recovered
	stageAnswers = "answers" // JetStream has answered for RECON_WORK
	stageWorking = "working" // a timer that fired since the start was delivered
	stageLived   = "lived"   // all timers are armed and the time to settle is over
)

func tell(r report) error {
	var err error
	if r.Resident, err = memory("VmRSS"); err != nil {
		return err
	}
	if r.Peak, err = memory("VmHWM"); err != nil {
		return err
	}
	if r.CPU, err = processor(); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

// memory reads a line of this process's status, in KiB; 0 where the system does
// not keep one.
func memory(name string) (int, error) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, nil
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			return strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
		}
	}
	return 0, fmt.Errorf("the process's status has no %s", name)
}

// processor reads the time this process has used of the processors; 0 where the
// system does not tell.
func processor() (time.Duration, error) {
	text, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0, nil
	}
	// After the name, which may hold anything, the 12th and 13th field are the time
	// in the program and in the system, in hundredths of a second (proc(5)).
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 13 {
		return 0, errors.New("the process's figures lack the processor's time")
	}
	var sum time.Duration
	for _, field := range fields[11:13] {
		n, err := strconv.Atoi(field)
		if err != nil {
			return 0, fmt.Errorf("read the processor's time: %w", err)
		}
		sum += time.Duration(n) * 10 * time.Millisecond
	}
	return sum, nil
}
