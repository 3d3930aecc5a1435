// Package notify decides who is told what: which endpoints hear of an event,
// and what a receiver's answer means for its delivery.
//
// It decides and does nothing: it reads no clock, opens no connection and
// keeps no state, so everything here is safe for concurrent use. The attempt
// itself is package webhook's, the schedule and the record belong to the caller.
//
// An outcome of an attempt that is in no table is retried and charged: an
// event is given up by its schedule, never by a word nobody thought of.
package notify
