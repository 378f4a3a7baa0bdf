package share

import "testing"

func TestABoundLeavesSomethingToOthers(t *testing.T) {
	t.Parallel()
	b := NewBound(3, 2)
	var leaves []func()
	for i, test := range []struct {
		key string
		ok  bool
	}{{"a", true}, {"a", true}, {"a", false}, {"b", true}, {"b", false}, {"c", false}} {
		leave, ok := b.Try(test.key)
		if ok != test.ok {
			t.Fatalf("try %d, of %s: %v, want %v", i, test.key, ok, test.ok)
		}
		if ok {
			leaves = append(leaves, leave)
		}
	}
	leaves[0]()
	if leave, ok := b.Try("c"); !ok {
		t.Error("nothing is left after one left")
	} else {
		leaves[0] = leave
	}
	for _, leave := range leaves {
		leave()
	}
	if b.held != 0 || len(b.by) != 0 {
		t.Errorf("%d are held at the end, by %v", b.held, b.by)
	}
}
