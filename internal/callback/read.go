package callback

import (
	"errors"
	"io"
	"net/http"
	"runtime/debug"

	"reconciler/internal/providers"
)

// read reads the body whole. The outcome is empty, or why there is none.
func read(w http.ResponseWriter, r *http.Request) ([]byte, outcome) {
	if r.ContentLength > providers.MaxCallback {
		// The rest is not read for the sake of the connection.
		w.Header().Set("Connection", "close")
		return nil, tooLarge
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, providers.MaxCallback))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, tooLarge
	case err != nil:
		return nil, brokenOff
	}
	return body, ""
}

// understand has the adapter read the callback. The outcome is empty, or why it
// could not. A panic of an adapter is a callback it can't read; what it says is
// not logged, because it may hold what was read.
func (h *Handler) understand(a *account, c providers.Callback) (hint providers.Hint, failed outcome) {
	defer func() {
		if recover() == nil {
			return
		}
		hint, failed = providers.Hint{}, unreadable
		if kept, allowed := h.noise.allow(); allowed {
			h.log.Error().Int64("not_logged", kept).Str("event", "callback.panicked").Bool("alarm", true).Str("stack", string(debug.Stack())).
				Msg("the adapter panicked over a callback")
		}
	}()
	hint, err := a.reader.ReadCallback(c)
	switch {
	case errors.Is(err, providers.SignatureInvalid):
		return providers.Hint{}, wrongSignature
	case err != nil, len(hint.Aliases) == 0:
		return providers.Hint{}, unreadable
	}
	return hint, ""
}
