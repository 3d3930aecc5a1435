package health

import (
	"encoding/json"
	"net/http"
	"time"

	"reconciler/internal/consumer"
)

// State is what the answers rest on.
type State struct {
	// Connected says that the connection to the broker stands.
	Connected bool
	// Stopping says that the worker takes no new work.
	Stopping bool
	// Watch is what the worker last found of streams and consumers.
	Watch consumer.Health
	Loops []consumer.LoopState
}

// live is the answer of /livez.
type live struct {
	// Status is "alive" or "stuck".
	Status  string   `json:"status"`
	Reasons []Reason `json:"reasons"`
}

// ready is the answer of /readyz.
type ready struct {
	// Status is "ready" or "not_ready".
	Status  string   `json:"status"`
	Reasons []Reason `json:"reasons"`
	// LookedAt is when the streams and consumers were last looked at; absent: not yet.
	LookedAt time.Time `json:"looked_at,omitzero"`
	// LeftForNewer is how often a message was left for a newer version than this one.
	LeftForNewer uint64 `json:"left_for_newer"`
}

// New gives the handler of GET /livez and GET /readyz. state is asked for each
// request; it must not wait for anybody.
func New(state func() State) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		if reasons := stuck(state()); len(reasons) > 0 {
			answer(w, http.StatusServiceUnavailable, live{"stuck", reasons})
			return
		}
		answer(w, http.StatusOK, live{"alive", []Reason{}})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		s := state()
		told := ready{Status: "ready", Reasons: unready(s), LookedAt: s.Watch.Looked.UTC().Truncate(time.Second)}
		for _, l := range s.Loops {
			told.LeftForNewer += l.LeftForNewer
		}
		status := http.StatusOK
		if len(told.Reasons) > 0 {
			told.Status, status = "not_ready", http.StatusServiceUnavailable
		}
		answer(w, status, told)
	})
	return mux
}

func answer(w http.ResponseWriter, status int, told any) {
	body, err := json.Marshal(told)
	if err != nil { // an instant of another era
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // who does not read it does not miss it
}
