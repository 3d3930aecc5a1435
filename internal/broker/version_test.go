package broker_test

import (
	"errors"
	"strings"
	"testing"

	"reconciler/internal/broker"
)

func TestCheckVersion_RefusesWarnsOrAccepts(t *testing.T) {
	const refuse, warn, accept = "refuse", "warn", "accept"
	for _, row := range []struct{ version, want string }{
		{"", refuse},
		{"2.12", refuse},
		{"2.12.x", refuse},
		{"2.12.-1", refuse},
		{"newest", refuse},
		{"1.4.1", refuse},
		{"2.9.99", refuse},
		{"2.12.11", refuse},
		{"2.12.12-RC.1", refuse},
		{"2.12.12", warn},
		{"v2.12.12", warn},
		{"2.13.0", refuse},
		{"2.14.0", refuse},
		{"2.14.2", refuse},
		{"2.14.3-RC.1", refuse},
		{"2.14.3", warn},
		{"2.14.4", warn},
		{"2.15.0", warn},
		{"2.15.1", warn},
		{"2.15.2-beta.1", warn},
		{"2.15.2", accept},
		{"2.15.2+build.7", accept},
		{"2.15.10", accept},
		{"2.16.0", accept},
		{"2.16.0-dev", accept},
		{"3.0.0", accept},
	} {
		t.Run("version "+row.version, func(t *testing.T) {
			warning, err := broker.CheckVersion(row.version)
			got := accept
			var tooOld *broker.VersionError
			switch {
			case errors.As(err, &tooOld):
				got = refuse
				needed := "2.12.12"
				if strings.HasPrefix(row.version, "2.13.") || strings.HasPrefix(row.version, "2.14.") {
					needed = "2.14.3"
				}
				if tooOld.Found != row.version || tooOld.Needed != needed {
					t.Errorf("error says found %q, needed %q, want %s", tooOld.Found, tooOld.Needed, needed)
				}
			case err != nil:
				t.Fatalf("an error of another type: %v", err)
			case warning != "":
				got = warn
				if !strings.Contains(warning, "2.15.2") || !strings.Contains(warning, "fsync") {
					t.Errorf("the warning gives no version and reason: %s", warning)
				}
			}
			if got != row.want {
				t.Errorf("CheckVersion(%q): %s, want %s", row.version, got, row.want)
			}
		})
	}
}
