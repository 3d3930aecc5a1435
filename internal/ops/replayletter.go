package ops

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/nats-io/nats.go"

	"reconciler/internal/broker"
)

// Headers of a webhook job and of the dead letter that holds one.
const (
	headerSourceSubject = "Recon-Source-Subject"
	headerOriginal      = "Recon-Original-"
	headerJob           = "Recon-Job"
	headerTrace         = "traceparent"
)

// jobSchema is the version of a webhook job that has a replay's mark, the newest
// that is known here.
const jobSchema = 2

// letter is where the dead letter of a webhook is.
type letter struct {
	seq uint64 // in RECON_DEAD
	// event is the event's sequence in the status stream; 0: only the whole letter tells.
	event uint64
	// gone and exhausted are the reasons it was given up for, at one time or another.
	gone, exhausted bool
}

// letters are the last dead letters of webhooks.
type letters map[broker.WebhookRef]letter

// letters collects the dead letters that a selection can be about.
func (r *Replays) letters(ctx context.Context, is replayRecord, look func(uint64)) (letters, error) {
	if !is.Selection.missed() {
		return nil, nil
	}
	all := letters{}
	span := span{stream: broker.StreamDead, filter: is.Selection.letters(), to: is.Dead}
	err := r.scan(ctx, span, func(e entry) bool {
		look(e.seq)
		of, err := broker.ParseWebhook(e.header.Get(headerSourceSubject))
		kept, unknown := broker.ParseDeadSubject(e.subject)
		if errors.Join(err, unknown) != nil || is.Selection.Endpoint != "" && is.Selection.Endpoint != of.Endpoint {
			return true
		}
		l := all[of]
		switch kept.Reason {
		case reasonGone:
			l.gone = true
		case outcomeExhausted:
			l.exhausted = true
		default:
			return true // what was refused as forged is no webhook
		}
		var job struct {
			Seq uint64 `json:"seq"`
		}
		_ = json.Unmarshal([]byte(e.header.Get(headerOriginal+headerJob)), &job) // else it stands in the content
		l.seq, l.event = e.seq, job.Seq
		all[of] = l
		return true
	})
	return all, err
}

var (
	errNoJob    = errors.New("the dead letter holds no webhook job")
	errNewerJob = errors.New("a newer version of this program wrote the webhook job")
)

// buriedJob is what is read of a job; the rest of it stays as it is.
type buriedJob struct {
	Schema   int    `json:"schema"`
	EventID  string `json:"event_id"`
	Endpoint string `json:"endpoint"`
	Seq      uint64 `json:"seq"`
}

func readBuried(l broker.Letter) (job buriedJob, fields map[string]json.RawMessage, err error) {
	header := []byte(l.Source.Header.Get(headerJob))
	err = errors.Join(json.Unmarshal(header, &job), json.Unmarshal(header, &fields))
	if job.Schema > jobSchema { // its other fields may have other types
		return job, nil, errNewerJob
	}
	if err != nil || job.EventID == "" || job.Schema < 1 {
		return job, nil, errNoJob
	}
	return job, fields, nil
}

// letterJob makes of a webhook's dead letter the job that sends the event again:
// the job and the very bytes that were given up, its attempts counted anew. Whether
// both agree with each other and with the subject the worker judges, as of every job.
func letterJob(l broker.Letter, mark string) (broker.Due, error) {
	job, fields, err := readBuried(l)
	if err != nil {
		return broker.Due{}, err
	}
	if _, err := broker.ParseWebhook(l.Source.Subject); err != nil {
		return broker.Due{}, errNoJob
	}
	delete(fields, "waits")
	for name, value := range map[string]any{"schema": jobSchema, "attempts": 0, "replay": mark} {
		if fields[name], err = json.Marshal(value); err != nil {
			return broker.Due{}, err
		}
	}
	encoded, err := json.Marshal(fields)
	if err != nil {
		return broker.Due{}, err
	}
	h := nats.Header{headerJob: {string(encoded)}}
	if trace := l.Source.Header.Get(headerTrace); trace != "" {
		h.Set(headerTrace, trace)
	}
	return broker.Due{
		Subject: due(l.Source.Subject), ID: job.EventID + "/" + job.Endpoint + "/" + mark, Header: h, Body: l.Source.Body,
	}, nil
}

// due is the subject of a job that is due, whichever of its two subjects is given.
func due(subject string) string {
	if due, err := broker.DueOf(subject); err == nil {
		return due
	}
	return subject
}
