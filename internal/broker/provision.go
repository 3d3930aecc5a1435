package broker

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Provision makes the streams that are missing and checks those that exist. If
// anything of what exists can't be worked with it changes nothing and returns a
// SettingsError that lists all of it. It may be called by any number of workers
// at once, and again.
func (b *Broker) Provision(ctx context.Context, o ProvisionOptions) error {
	o = o.withDefaults(b.replicas)
	wanted := definitions(o)
	existing, err := b.lookupAll(ctx, wanted, o.Patience)
	if err != nil {
		return err
	}
	faults := checkOptions(o)
	for _, w := range wanted {
		if found, ok := existing[w.Name]; ok {
			faults = append(faults, check(found, w, o, b.version)...)
		}
	}
	others, err := b.listStreams(ctx)
	if err != nil {
		return err
	}
	faults = append(faults, crossCheck(others, wanted)...)
	if _, ok := existing[StreamWork]; ok {
		more, err := b.checkWorkConsumers(ctx)
		if err != nil {
			return err
		}
		faults = append(faults, more...)
	}
	if len(faults) > 0 {
		return &SettingsError{Faults: faults}
	}
	for _, w := range wanted {
		if _, ok := existing[w.Name]; ok {
			continue
		}
		if err := b.createStream(ctx, w, o); err != nil {
			return err
		}
	}
	return nil
}

// checkOptions refuses a state that would be forgotten while it is still used.
func checkOptions(o ProvisionOptions) []Fault {
	if o.StatusRetention > o.LongestWatch {
		return nil
	}
	return []Fault{{Stream: StreamStatus, Setting: "configured retention", Found: age(o.StatusRetention), Wanted: "more than the longest watch, " + age(o.LongestWatch)}}
}

// lookupAll reads the configuration of those streams that exist. In a cluster a
// stream counts as missing only when the leader has said so for the whole
// patience: one that has just been elected does not know all streams yet, and a
// stream created then would stand beside the one with the data.
func (b *Broker) lookupAll(ctx context.Context, wanted []jetstream.StreamConfig, patience time.Duration) (map[string]jetstream.StreamConfig, error) {
	if b.conn.ConnectedClusterName() == "" {
		patience = 0
	}
	end := time.Now().Add(patience)
	existing := map[string]jetstream.StreamConfig{}
	for pace := b.pacer("look for the streams"); ; {
		for _, w := range wanted {
			if _, ok := existing[w.Name]; ok {
				continue
			}
			found, ok, err := b.lookup(ctx, w.Name)
			if err != nil {
				return nil, err
			}
			if ok {
				existing[w.Name] = found
			}
		}
		if len(existing) == len(wanted) || !time.Now().Before(end) {
			return existing, nil
		}
		if ended := pace.wait(ctx, nil); ended != nil {
			return nil, ended
		}
	}
}

func (b *Broker) lookup(ctx context.Context, name string) (jetstream.StreamConfig, bool, error) {
	var answer struct {
		Config jetstream.StreamConfig `json:"config"`
	}
	err := b.api(ctx, "STREAM.INFO."+name, nil, &answer)
	var refused *jetstream.APIError
	if errors.As(err, &refused) && refused.ErrorCode == jetstream.JSErrCodeStreamNotFound {
		return jetstream.StreamConfig{}, false, nil
	}
	return answer.Config, err == nil, err
}

// listStreams reads the configuration of every stream of the account.
func (b *Broker) listStreams(ctx context.Context) ([]jetstream.StreamConfig, error) {
	var all []jetstream.StreamConfig
	err := b.Retry(ctx, "list the streams", func(ctx context.Context) error {
		all = nil
		list := b.js.ListStreams(ctx)
		for info := range list.Info() {
			all = append(all, info.Config)
		}
		return list.Err()
	})
	return all, err
}

func (b *Broker) checkWorkConsumers(ctx context.Context) ([]Fault, error) {
	var faults []Fault
	err := b.eachConsumer(ctx, StreamWork, func(c jetstream.ConsumerConfig) {
		faults = append(faults, checkWorkConsumer(c)...)
	})
	return faults, err
}

// eachConsumer calls do with the configuration of every consumer of a stream.
func (b *Broker) eachConsumer(ctx context.Context, name string, do func(jetstream.ConsumerConfig)) error {
	var all []jetstream.ConsumerConfig
	err := b.existing(ctx, "list the consumers of "+name, func(ctx context.Context) error {
		all = nil
		stream, err := b.js.Stream(ctx, name)
		if err != nil {
			return err
		}
		list := stream.ListConsumers(ctx)
		for info := range list.Info() {
			info.Config.Name = info.Name
			all = append(all, info.Config)
		}
		return list.Err()
	})
	for _, c := range all {
		do(c)
	}
	return err
}

// createStream creates, and checks what came of it: another worker may have been
// first, with other settings, or an account's limits may have changed ours.
func (b *Broker) createStream(ctx context.Context, want jetstream.StreamConfig, o ProvisionOptions) error {
	err := b.Retry(ctx, "create stream "+want.Name, func(ctx context.Context) error {
		_, err := b.js.CreateStream(ctx, want)
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	var stream jetstream.Stream
	err = b.existing(ctx, "look at stream "+want.Name+", which was created", func(ctx context.Context) error {
		stream, err = b.js.Stream(ctx, want.Name)
		return err
	})
	if err != nil {
		return err
	}
	if faults := check(stream.CachedInfo().Config, want, o, b.version); len(faults) > 0 {
		return &SettingsError{Faults: faults}
	}
	b.log.Info().Str("stream", want.Name).Int("replicas", want.Replicas).Msg("stream created")
	return nil
}
