package providers

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestFlight_FetchesOnceForAllWhoWait_AndAgainForThoseWhoComeLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var flight Flight[int]
		fetched := 0
		r := Fetch[int]{Doing: "fetch", Limit: time.Minute, Fetch: func(context.Context) (int, error) {
			fetched++
			time.Sleep(time.Second)
			return fetched, nil
		}}
		for round := 1; round <= 2; round++ {
			var all sync.WaitGroup
			for range 50 {
				all.Go(func() {
					if got, err := flight.Do(t.Context(), r); got != round || err != nil {
						t.Errorf("round %d: got %d, %v", round, got, err)
					}
				})
			}
			all.Wait()
		}
		if fetched != 2 {
			t.Errorf("%d fetches, want 2", fetched)
		}
	})
}

func TestFlight_GoesOnForTheOthers_WhenTheFirstLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var flight Flight[string]
		r := Fetch[string]{Doing: "fetch", Limit: time.Minute, Fetch: func(ctx context.Context) (string, error) {
			time.Sleep(5 * time.Second)
			return "fetched", ctx.Err()
		}}
		leaves, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		var first sync.WaitGroup
		first.Go(func() {
			got, err := flight.Do(leaves, r)
			if !errors.Is(err, Unavailable) || !errors.Is(err, context.DeadlineExceeded) || got != "" || time.Since(began) != time.Second {
				t.Errorf("who leaves gets %q, %v after %s", got, err, time.Since(began))
			}
		})
		synctest.Wait()
		if got, err := flight.Do(t.Context(), r); got != "fetched" || err != nil || time.Since(began) != 5*time.Second {
			t.Errorf("who stays gets %q, %v after %s", got, err, time.Since(began))
		}
		first.Wait()
	})
}

func TestFlight_EndsAFetchThatNobodyAnswers_AndTellsItsError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var flight Flight[int]
		began := time.Now()
		_, err := flight.Do(t.Context(), Fetch[int]{Doing: "fetch", Limit: 10 * time.Second, Fetch: func(ctx context.Context) (int, error) {
			<-ctx.Done()
			return 1, Interrupted("fetch", ctx.Err())
		}})
		if !errors.Is(err, Unavailable) || !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 10*time.Second {
			t.Errorf("error %v after %s", err, time.Since(began))
		}
	})
}
