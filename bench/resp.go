package main

import (
	"bytes"
	"strconv"
)

// respCounter counts the values in a stream of Redis's protocol, RESP 2 or 3, whatever parts it
// comes in. In what a client sends, each is a command. In what Redis sends, each is an answer, but
// for those that it pushes.
type respCounter struct {
	whole func(pushed bool) // is called at the end of each value

	line   []byte // the part of a header that has come
	skip   int    // bytes of the current string that are still to come
	nested []int  // for each open collection, how many of its values are still to come
	pushed bool   // the current value is a push
}

// Write implements [io.Writer].
func (c *respCounter) Write(b []byte) (int, error) {
	all := len(b)
	for len(b) > 0 {
		if c.skip > 0 {
			n := min(c.skip, len(b))
			b = b[n:]
			if c.skip -= n; c.skip == 0 {
				c.end()
			}
			continue
		}
		header, rest, complete := bytes.Cut(b, []byte("\n"))
		c.line = append(c.line, header...)
		if !complete {
			break
		}
		b = rest
		line := bytes.TrimSuffix(c.line, []byte("\r"))
		if len(line) > 0 {
			c.header(line)
		}
		c.line = c.line[:0]
	}
	return all, nil
}

// header handles the line with which each value begins.
func (c *respCounter) header(line []byte) {
	n, _ := strconv.Atoi(string(line[1:])) // 0 where the line has no length
	switch line[0] {
	case '$', '=', '!': // a string of n bytes; -1 is null
		if n >= 0 {
			c.skip = n + len("\r\n")
			return
		}
	case '%': // n pairs
		n *= 2
		fallthrough
	case '*', '~', '>':
		if len(c.nested) == 0 {
			c.pushed = line[0] == '>'
		}
		if n > 0 {
			c.nested = append(c.nested, n)
			return
		}
	}
	c.end()
}

// end handles the end of a value, which may end those around it.
func (c *respCounter) end() {
	for i := len(c.nested) - 1; i >= 0; i-- {
		if c.nested[i]--; c.nested[i] > 0 {
			return
		}
		c.nested = c.nested[:i]
	}
	pushed := c.pushed
	c.pushed = false
	c.whole(pushed)
}
