package modeltest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"pilotsync/worker/listsync"
)

// write is a write that was sent to ServerPilot.
type write struct {
	by           *process
	epoch        int
	read         []string
	landedAtRead int // that had happened when read was read
	names        []string
	until        time.Time // it lands before this, or never
	inFlight     bool
	answered     bool // its worker has a certain answer
	lost         bool // it never lands, unless an action lets it land before until
}

// writeResult is what happens to a write that is sent.
type writeResult string

const (
	lands                writeResult = "is under way"
	retryable            writeResult = "429, no effect"
	retryableAfterEffect writeResult = "502 with a page of HTML, after it took effect"
	dropped              writeResult = "dropped, no effect"
	droppedAfterEffect   writeResult = "dropped, after it took effect"
	landsLate            writeResult = "dropped, lands later"
	otherAnswer          writeResult = "answered with another list, after it took effect"
)

var writeResults = []writeResult{lands, lands, lands, lands, lands, retryable, retryableAfterEffect, dropped, droppedAfterEffect, landsLate, otherAnswer}

// send accepts a write like ServerPilot, which refuses only poison and broken.
func (h *harness) send(p *process, names []string, notAfter time.Time) error {
	if h.now.After(notAfter) {
		h.logf("  not sent: its deadline is over")
		kind := listsync.Transient
		if h.faults && rapid.Bool().Draw(h.t, "seems sent") {
			kind = listsync.WriteUnknown
		}
		return &listsync.CallError{Kind: kind, Err: errors.New("past its time")}
	}
	wr := &write{by: p, epoch: p.epoch, read: p.read, landedAtRead: p.landedAtRead, names: names,
		until: p.writeBegan.Add(listsync.LandingLimit), inFlight: true}
	if p.dry {
		h.fail("w%d, in a dry run, sends a write", p.id)
	}
	h.checkWrite(p, wr)
	p.write = wr
	h.writes = append(h.writes, wr)
	for _, name := range names {
		if !has(p.read, name) {
			h.model.own(p, name)
		}
	}
	if has(names, broken) || has(names, poison) && !has(h.list, poison) {
		wr.inFlight, wr.answered = false, true
		return &listsync.CallError{Kind: listsync.ListRefused, Message: "no such name", Err: errors.New("400")}
	}
	f := lands
	if h.faults {
		f = rapid.SampledFrom(writeResults).Draw(h.t, "fate")
	}
	h.logf("  %s", f)
	switch f {
	case retryable:
		wr.inFlight, wr.answered = false, true
		return &listsync.CallError{Kind: listsync.Transient, RetryAfter: time.Second, Err: errors.New("429")}
	case retryableAfterEffect:
		wr.answered = true
		h.land(wr)
		return &listsync.CallError{Kind: listsync.Transient, Err: errors.New("502")}
	case otherAnswer:
		wr.answered = true
		h.land(wr)
	case dropped:
		wr.inFlight = false
		return &listsync.CallError{Kind: listsync.WriteUnknown, Err: errors.New("EOF")}
	case droppedAfterEffect:
		h.land(wr)
		return &listsync.CallError{Kind: listsync.WriteUnknown, Err: errors.New("EOF")}
	case landsLate:
		wr.lost = rapid.Bool().Draw(h.t, "lost")
		return &listsync.CallError{Kind: listsync.WriteUnknown, Err: errors.New("EOF")}
	}
	return nil
}

// answer returns ServerPilot's answer to the worker's write.
func (h *harness) answer(p *process, notAfter time.Time) ([]string, error) {
	wr := p.write
	if wr.answered { // answered with another list
		return append([]string{"other.example.net"}, wr.names...), nil
	}
	if h.now.After(notAfter) {
		return nil, errUnknown
	}
	if wr.inFlight {
		h.land(wr)
	}
	wr.answered = true
	return wr.names, nil
}

// land lets a write take effect.
func (h *harness) land(wr *write) {
	before := h.list
	wr.inFlight = false
	h.list = slices.Clone(wr.names)
	h.logf("  the write of w%d lands: %v", wr.by.id, wr.names)
	if wr.epoch != h.epoch {
		// Redis has forgotten this write, so its changes count as made by hand. A worker
		// that still waits for it finds its lease lost and requests one more sync.
		h.edits++
		if !slices.Contains(h.processes, wr.by) && wr.by.requestedSyncIn != h.epoch {
			h.drift = true
		}
		for _, name := range wr.names {
			h.mayStay[name] = true
		}
		return
	}
	for _, other := range h.landed[wr.landedAtRead:] {
		if other.epoch == h.epoch {
			h.fail("w%d read %v, and a write of w%d has landed since: its changes are lost", wr.by.id, wr.read, other.by.id)
		}
	}
	h.landed = append(h.landed, wr)
	h.checkListedNames(before)
}

// advance moves the clock. Writes in flight land in time, or never.
func (h *harness) advance(d time.Duration) {
	then := h.now.Add(d)
	for _, wr := range h.writes {
		if wr.inFlight && !then.Before(wr.until) {
			if wr.lost {
				wr.inFlight = false
				h.logf("the write of w%d is lost for good", wr.by.id)
			} else {
				h.land(wr)
			}
		}
	}
	h.now = then
	h.redis.SetTime(then)
}

// editByHand is a person editing the list in ServerPilot's dashboard.
func (h *harness) editByHand() {
	h.edited()
	if len(h.list) > 0 && rapid.Bool().Draw(h.t, "takes one off") {
		i := rapid.IntRange(0, len(h.list)-1).Draw(h.t, "which")
		h.logf("by hand: %s is taken off", h.list[i])
		h.list = slices.Delete(slices.Clone(h.list), i, i+1)
		return
	}
	name := rapid.SampledFrom(byHand).Draw(h.t, "name")
	if !has(h.list, name) {
		h.mayStay[strings.ToLower(name)] = true
	}
	h.list = slices.Insert(slices.Clone(h.list), rapid.IntRange(0, len(h.list)).Draw(h.t, "at"), name)
	h.logf("by hand: %s is put on: %v", name, h.list)
}

func (h *harness) edited() {
	h.edits++
	h.drift = true
}

func has(list []string, name string) bool {
	return slices.ContainsFunc(list, func(other string) bool { return strings.EqualFold(other, name) })
}

// distinct returns the list in lower case, each name once.
func distinct(list []string) []string {
	var names []string
	for _, name := range list {
		if !has(names, name) {
			names = append(names, strings.ToLower(name))
		}
	}
	return names
}

func (wr *write) String() string { return fmt.Sprintf("w%d's %v", wr.by.id, wr.names) }
