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

// write is a list on its way to ServerPilot, or one that has got there.
type write struct {
	by       *process
	epoch    int
	read     []string
	landings int // that had happened when read was read
	names    []string
	until    time.Time // it lands before this, or never
	flying   bool
	known    bool // its worker has a certain answer
	lost     bool // if nobody makes it land before until, it never does
}

// What may become of a write that is sent.
type fate string

const (
	lands      fate = "is under way"
	again      fate = "429, no effect"
	againAfter fate = "502 with a page of HTML, after it took effect"
	dropped    fate = "dropped, no effect"
	droppedToo fate = "dropped, after it took effect"
	late       fate = "dropped, lands later"
	another    fate = "answered with another list, after it took effect"
)

var fates = []fate{lands, lands, lands, lands, lands, again, againAfter, dropped, droppedToo, late, another}

// send takes a write as ServerPilot does, without any condition but poison.
func (w *world) send(p *process, names []string, notAfter time.Time) error {
	if w.now.After(notAfter) {
		w.say("  not sent: it is past its time")
		verdict := listsync.Transient
		if w.faults && rapid.Bool().Draw(w.t, "seems sent") {
			verdict = listsync.Unknown
		}
		return &listsync.CallError{Verdict: verdict, Err: errors.New("past its time")}
	}
	wr := &write{by: p, epoch: p.epoch, read: p.read, landings: p.landings, names: names,
		until: p.begun.Add(listsync.LandingLimit), flying: true}
	if p.dry {
		w.fail("w%d, in a dry run, sends a write", p.id)
	}
	w.judge(p, wr)
	p.flight = wr
	w.writes = append(w.writes, wr)
	for _, name := range names {
		if !has(p.read, name) {
			w.model.put(p, name)
		}
	}
	if has(names, broken) || has(names, poison) && !has(w.list, poison) {
		wr.flying, wr.known = false, true
		return &listsync.CallError{Verdict: listsync.Refused, Message: "no such name", Err: errors.New("400")}
	}
	f := lands
	if w.faults {
		f = rapid.SampledFrom(fates).Draw(w.t, "fate")
	}
	w.say("  %s", f)
	switch f {
	case again:
		wr.flying, wr.known = false, true
		return &listsync.CallError{Verdict: listsync.Transient, RetryAfter: time.Second, Err: errors.New("429")}
	case againAfter:
		wr.known = true
		w.land(wr)
		return &listsync.CallError{Verdict: listsync.Transient, Err: errors.New("502")}
	case another:
		wr.known = true
		w.land(wr)
	case dropped:
		wr.flying = false
		return &listsync.CallError{Verdict: listsync.Unknown, Err: errors.New("EOF")}
	case droppedToo:
		w.land(wr)
		return &listsync.CallError{Verdict: listsync.Unknown, Err: errors.New("EOF")}
	case late:
		wr.lost = rapid.Bool().Draw(w.t, "lost")
		return &listsync.CallError{Verdict: listsync.Unknown, Err: errors.New("EOF")}
	}
	return nil
}

// answer is what the worker hears of the write it has sent.
func (w *world) answer(p *process, notAfter time.Time) ([]string, error) {
	wr := p.flight
	if wr.known { // answered with another list
		return append([]string{"other.example.net"}, wr.names...), nil
	}
	if w.now.After(notAfter) {
		return nil, errUnknown
	}
	if wr.flying {
		w.land(wr)
	}
	wr.known = true
	return wr.names, nil
}

// land makes a write the list.
func (w *world) land(wr *write) {
	before := w.list
	wr.flying = false
	w.list = slices.Clone(wr.names)
	w.say("  the write of w%d lands: %v", wr.by.id, wr.names)
	if wr.epoch != w.epoch {
		// Nothing is known any more of this write: what it changes is as if by hand.
		// A worker that is still at it finds its lease lost and asks for one more sync.
		w.edits++
		if !slices.Contains(w.processes, wr.by) && wr.by.again != w.epoch {
			w.drift = true
		}
		for _, name := range wr.names {
			w.mayStay[name] = true
		}
		return
	}
	for _, other := range w.landed[wr.landings:] {
		if other.epoch == w.epoch {
			w.fail("w%d read %v, and a write of w%d has landed since: its changes are lost", wr.by.id, wr.read, other.by.id)
		}
	}
	w.landed = append(w.landed, wr)
	w.nothingListedVanishes(before)
}

// pass lets time go by; what flies lands in time, or never.
func (w *world) pass(d time.Duration) {
	then := w.now.Add(d)
	for _, wr := range w.writes {
		if wr.flying && !then.Before(wr.until) {
			if wr.lost {
				wr.flying = false
				w.say("the write of w%d is lost for good", wr.by.id)
			} else {
				w.land(wr)
			}
		}
	}
	w.now = then
	w.redis.SetTime(then)
}

// byHand is somebody editing the list in the dashboard.
func (w *world) byHand() {
	w.edited()
	if len(w.list) > 0 && rapid.Bool().Draw(w.t, "takes one off") {
		i := rapid.IntRange(0, len(w.list)-1).Draw(w.t, "which")
		w.say("by hand: %s is taken off", w.list[i])
		w.list = slices.Delete(slices.Clone(w.list), i, i+1)
		return
	}
	name := rapid.SampledFrom(byHand).Draw(w.t, "name")
	if !has(w.list, name) {
		w.mayStay[strings.ToLower(name)] = true
	}
	w.list = slices.Insert(slices.Clone(w.list), rapid.IntRange(0, len(w.list)).Draw(w.t, "at"), name)
	w.say("by hand: %s is put on: %v", name, w.list)
}

func (w *world) edited() {
	w.edits++
	w.drift = true
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
