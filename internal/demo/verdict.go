package demo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"reconciler/internal/history/peers"
	"reconciler/internal/invariant"
	"reconciler/internal/payment"
)

// judgeLimit is how long reading streams and ledgers may take.
const judgeLimit = 2 * time.Minute

// mostStories is how many unfinished payments are told whole: enough to see why.
const mostStories = 5

// judge reads ledgers and streams and gives the verdict. The worker is stopped.
func (r *run) judge(ctx context.Context) (Result, error) {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), judgeLimit)
	defer cancel()
	h, err := r.collect(limited)
	if err != nil {
		return Result{}, fmt.Errorf("collect what happened: %w", err)
	}
	result := Result{
		Payments: r.Payments, ByStatus: map[string]int{}, ByProvider: map[string]int{}, Violations: []string{},
		Events: len(h.Events), Polls: r.Sandbox.Tally().Polls, Webhooks: r.webhooks(h), Dead: len(h.Dead), Outcome: r.outcome(h),
	}
	unfinished := r.judgeEnds(h, &result)
	h.Quiet = len(unfinished) == 0 && result.Done == r.Payments && !slices.ContainsFunc(h.Pending, isWebhook)
	violations := invariant.Check(h)
	for _, v := range violations {
		result.Violations = append(result.Violations, v.String())
	}
	result.report = stories(h, unfinished) + invariant.Report(h, violations)
	result.ElapsedS = seconds(time.Since(r.began))
	return result, nil
}

func isWebhook(p invariant.Pending) bool { return p.Kind == invariant.KindWebhook }

// judgeEnds compares each payment's last published status with its provider's
// ledger, and gives those that do not agree.
func (r *run) judgeEnds(h invariant.History, result *Result) []planned {
	var unfinished []planned
	last := lastStatuses(h.Events)
	for _, p := range r.plan {
		status, published := last[key{p.Merchant, p.ID}]
		if !published {
			status = "none"
		}
		result.ByStatus[string(status)]++
		result.ByProvider[p.Provider]++
		truth := r.truth(p)
		want := peers.Ending(p.Payment, truth)
		if truth.Ended && status == want {
			result.Done++
			continue
		}
		unfinished = append(unfinished, p)
		line := fmt.Sprintf("%s at %s (life %s): published %q, its provider's ledger says %q", p.ID, p.Provider, truth.Life, status, want)
		if !truth.Ended {
			line += " and is not at its end"
		}
		result.unfinished = append(result.unfinished, line)
	}
	return unfinished
}

func stories(h invariant.History, of []planned) string {
	var all strings.Builder
	for _, p := range of[:min(len(of), mostStories)] {
		all.WriteString(invariant.Story(h, p.Merchant, p.ID) + "\n")
	}
	return all.String()
}

// lastStatuses is each payment's last published status.
func lastStatuses(events []invariant.Event) map[key]payment.Status {
	last := map[key]payment.Status{}
	for _, e := range events {
		last[key{e.Merchant, e.Payment}] = e.Status
	}
	return last
}

// webhooks counts what was due and what of it arrived.
func (r *run) webhooks(h invariant.History) WebhookResult {
	result := WebhookResult{Attempts: len(h.Receipts)}
	arrived := toldOf(h)
	for _, e := range h.Events {
		event, err := payment.ParseEvent(e.Body)
		if err != nil {
			continue // a violation
		}
		for _, hook := range r.interested(event) {
			result.Events++
			if arrived[delivery{hook.Merchant, hook.ID, event.ID()}] {
				result.Delivered++
			}
		}
	}
	for _, a := range h.Attempts {
		if a.Outcome == invariant.OutcomeExhausted {
			result.Exhausted++
		}
	}
	return result
}

func seconds(d time.Duration) float64 {
	return float64(d.Round(10*time.Millisecond)) / float64(time.Second)
}
