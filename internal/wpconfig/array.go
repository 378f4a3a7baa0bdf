package wpconfig

import (
	"net/url"
	"slices"
)

// Keys of [CacheConfig] that say where the cache's Redis is. The first are those of one server.
// The others name it in a way that needs more than a comparison of texts.
var (
	placeKeys   = []string{"scheme", "host", "port", "database"}
	severalKeys = []string{"url", "servers", "shards", "cluster", "sentinels"}
)

// array reads the array that begins at i, as [CacheConfig] has one: 'key' => value with
// a comma between them. Its value is a query string of the entries that say a place;
// of severalKeys only the key. Nothing else of the array is read, as it holds passwords.
func array(ts []token, i int, ends ...string) definition {
	refused := definition{refused: "is an array that this check doesn't understand"}
	closing := "]"
	if at(ts, i).isWord("array") {
		i, closing = i+1, ")"
	}
	entries := url.Values{}
	for i++; !at(ts, i).is(closing); {
		key := at(ts, i)
		if key.kind != text || !at(ts, i+1).is("=") || !at(ts, i+2).is(">") {
			return refused
		}
		from := i + 3
		if i = entryEnd(ts, from); at(ts, i).kind == none {
			return refused
		}
		switch v := at(ts, from); {
		case slices.Contains(severalKeys, key.value) && !v.isWord("null"):
			entries.Set(key.value, "")
		case !slices.Contains(placeKeys, key.value):
		case i == from+1 && (v.kind == text || v.kind == number):
			entries.Set(key.value, v.value)
		default:
			return refused
		}
		if at(ts, i).is(",") {
			i++
		}
	}
	if next := at(ts, i+1); !slices.ContainsFunc(ends, next.is) {
		return refused
	}
	return definition{value: entries.Encode()}
}

// entryEnd is where the array's entry from i ends: at a comma, or at a bracket that was
// opened before it.
func entryEnd(ts []token, i int) int {
	for depth := 0; at(ts, i).kind != none; i++ {
		switch t := ts[i]; {
		case t.is("(") || t.is("[") || t.is("{"):
			depth++
		case depth == 0 && (t.is(",") || t.is(")") || t.is("]")):
			return i
		case t.is(")") || t.is("]") || t.is("}"):
			depth--
		}
	}
	return i
}
