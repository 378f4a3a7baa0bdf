package simulator

import (
	"crypto/rand"
	"iter"
	"slices"
)

// collection has the resources of one kind by id, in the order in which they were added.
type collection[T any] struct {
	ids  []string
	byID map[string]*T
}

func (c *collection[T]) add(id string, resource *T) {
	if c.byID == nil {
		c.byID = map[string]*T{}
	}
	c.ids = append(c.ids, id)
	c.byID[id] = resource
}

// get returns nil for an unknown id.
func (c *collection[T]) get(id string) *T { return c.byID[id] }

// remove removes a resource, if there is one with the id. It makes a new slice of ids, since a
// caller may be ranging over the old one.
func (c *collection[T]) remove(id string) {
	if i := slices.Index(c.ids, id); i >= 0 {
		c.ids = slices.Concat(c.ids[:i], c.ids[i+1:])
		delete(c.byID, id)
	}
}

// all yields the resources in order. The one that was yielded may be removed.
func (c *collection[T]) all() iter.Seq[*T] {
	ids := c.ids
	return func(yield func(*T) bool) {
		for _, id := range ids {
			if !yield(c.byID[id]) {
				return
			}
		}
	}
}

// views returns show's view of each resource. show returns nil for a resource that is left out.
// The result is never nil, because a list in an answer is never null.
func (c *collection[T]) views(show func(*T) map[string]any) []map[string]any {
	all := []map[string]any{}
	for resource := range c.all() {
		if view := show(resource); view != nil {
			all = append(all, view)
		}
	}
	return all
}

// newID is an id as ServerPilot makes them: 16 letters and digits.
func newID() string { return rand.Text()[:16] }
