package broker_test

import (
	"strings"
	"testing"
	"time"

	"reconciler/internal/broker"
	"reconciler/internal/broker/brokertest"
	simwire "reconciler/internal/simulation/wire"
)

// slowMaker answers as a server of a cluster does that has begun to make streams and
// consumers: until it is done with one it says that there is none.
type slowMaker struct {
	// begun is when each was asked for first, by the subject of the question.
	begun map[string]time.Time
	// denied counts the answers that it said so in.
	denied int
}

const slowMaking = 4 * time.Second

func (m *slowMaker) frame(f *simwire.Frame) simwire.Verdict {
	if f.Direction == simwire.Up || f.Request == nil || !strings.Contains(f.Request.Subject, ".INFO.") {
		return simwire.Verdict{}
	}
	begun, again := m.begun[f.Request.Subject]
	if !again {
		begun = time.Now()
		m.begun[f.Request.Subject] = begun
	}
	if time.Since(begun) >= slowMaking {
		return simwire.Verdict{}
	}
	m.denied++
	answer := f.Message()
	answer.Payload = []byte(`{"error":{"code":404,"err_code":10059,"description":"stream not found"}}`)
	if strings.Contains(f.Request.Subject, ".CONSUMER.") {
		answer.Payload = []byte(`{"error":{"code":404,"err_code":10014,"description":"consumer not found"}}`)
	}
	return simwire.Verdict{Replace: answer}
}

func TestBroker_WaitsForWhatIsBeingMade(t *testing.T) {
	consumer := broker.ConsumerOptions{Stream: broker.StreamPayments, Name: "intake", Filter: broker.FilterCreated, AckWait: time.Minute}
	for _, row := range []struct {
		name   string
		before func(t *testing.T, b *broker.Broker) error // by another worker
		do     func(t *testing.T, b *broker.Broker) error
	}{
		{"a stream", nil, func(t *testing.T, b *broker.Broker) error {
			return b.Provision(brokertest.Context(t), broker.ProvisionOptions{})
		}},
		{"a bucket", nil, makeBucket},
		{"a bucket that another one has begun", makeBucket, makeBucket},
		{"a consumer that another one has begun", func(t *testing.T, b *broker.Broker) error {
			if err := b.Provision(brokertest.Context(t), broker.ProvisionOptions{}); err != nil {
				return err
			}
			o := consumer
			o.AckWait = 2 * time.Minute
			_, err := b.Consumer(brokertest.Context(t), o)
			return err
		}, func(t *testing.T, b *broker.Broker) error {
			_, err := b.Consumer(brokertest.Context(t), consumer)
			return err
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			brokertest.Bubble(t, func(t *testing.T) {
				e, beside := brokertest.StartServer(t)
				if row.before != nil {
					if err := row.before(t, beside); err != nil {
						t.Fatal(err)
					}
				}
				maker := &slowMaker{begun: map[string]time.Time{}}
				b, link := linked(t, e)
				link.SetPolicy(maker.frame)
				if err := row.do(t, b); err != nil {
					t.Error(err)
				}
				if maker.denied == 0 {
					t.Error("nothing was denied: the test shows nothing")
				}
			})
		})
	}
}

func makeBucket(t *testing.T, b *broker.Broker) error {
	_, err := b.Bucket(brokertest.Context(t), broker.BucketOptions{Name: "RECON_TRIED", History: 1})
	return err
}
