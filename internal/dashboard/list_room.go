package dashboard

import (
	"context"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

// listRoom is what is on an app's list, and how many names fit besides.
type listRoom struct {
	// names says of each name of the list, and of those that are going to be put there, whether it
	// is there.
	names map[string]bool
	free  int
}

// newListRoom counts the names of a list as ServerPilot has it, and of an app's domains. A list
// that couldn't be read is nil: then listed is how many names it had at the last sync.
func newListRoom(list []string, listed int, views []ledger.View) listRoom {
	room := listRoom{names: map[string]bool{}}
	for _, v := range views {
		if v.Pending != nil && !v.Pending.Remove || v.Record.Wanted {
			for _, name := range v.Names {
				room.names[name] = list == nil && v.Record.Wanted
			}
		}
	}
	for _, name := range list {
		room.names[tasks.Canonical(name)] = true
	}
	used := len(room.names)
	if list == nil {
		used = max(used, listed)
	}
	room.free = max(0, listsync.Limit-used)
	return room
}

func (p *pageServer) listRoom(ctx context.Context, app string) (listRoom, error) {
	states, err := p.reader.AppStates(ctx, app)
	if err != nil {
		return listRoom{}, err
	}
	list, _, err := p.listCache.get(ctx, app)
	if err != nil {
		list = nil // the ledger knows nearly the same
	} else if list == nil {
		list = []string{}
	}
	release, refusal := p.comparing.Acquire(ctx, userOf(ctx).Name)
	if refusal != 0 {
		return listRoom{}, errComparing
	}
	defer release()
	views, _, err := p.desired(ctx, states[0]) // of more that wait it is an estimate
	if err != nil {
		return listRoom{}, err
	}
	return newListRoom(list, states[0].Listed, views), nil
}

// choose selects those domains that would work, as long as their names fit on the list.
func (c *checkedRun) choose(room listRoom) {
	c.Room = room.free
	for i := range c.Domains {
		d := &c.Domains[i]
		var missing []string
		d.Listed = len(d.Names) > 0
		for _, name := range d.Names {
			listed, known := room.names[name]
			d.Listed = d.Listed && listed
			if !known {
				missing = append(missing, name)
			}
		}
		if !d.OK {
			continue
		}
		if len(missing) > 0 {
			c.New, c.Need = c.New+1, c.Need+len(missing)
		}
		if d.NoRoom = len(missing) > room.free; d.NoRoom {
			c.Beyond++
			continue
		}
		d.Selected, room.free = true, room.free-len(missing)
		for _, name := range missing {
			room.names[name] = false
		}
	}
}
