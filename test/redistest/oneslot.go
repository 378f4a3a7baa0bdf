package redistest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Slot is the slot of a Redis Cluster that a key is in. It is the CRC16 (XMODEM) of what is
// between the first { and the next }, or else of the whole key.
func Slot(key string) int {
	if i := strings.IndexByte(key, '{'); i >= 0 {
		if n := strings.IndexByte(key[i+1:], '}'); n > 0 {
			key = key[i+1 : i+1+n]
		}
	}
	var crc uint16
	for _, b := range []byte(key) {
		crc ^= uint16(b) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return int(crc % slots)
}

// OneSlot checks that all keys of a command, of a MULTI block and of a script are in one slot. A
// Cluster refuses others only if their slots are on different nodes.
type OneSlot struct {
	mu         sync.Mutex
	multi      map[string]*unit // by client
	script     *unit            // the last that began; its commands follow at once
	count      map[string]int
	violations []string
}

// unit is a command, block or script, which must use one slot.
type unit struct {
	what   string
	key    string // the first
	exempt bool   // see takesNumber
}

// WatchSlots checks all commands of a server without TLS by its MONITOR until the test ends. The
// test fails if any of them uses two slots.
func WatchSlots(t testing.TB, server *Server) *OneSlot {
	t.Helper()
	o := &OneSlot{multi: map[string]*unit{}, count: map[string]int{}}
	conn, err := net.Dial("tcp", server.Addr)
	if err == nil {
		err = server.secure.users.logIn(conn)
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(conn)
	if _, err := io.WriteString(conn, "MONITOR\r\n"); err != nil {
		t.Fatal(err)
	}
	if ok, err := lines.ReadString('\n'); err != nil || ok != "+OK\r\n" {
		t.Fatalf("answer to MONITOR: %q, %v", ok, err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				return // closed
			}
			o.line(strings.TrimSpace(line))
		}
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-ended
		for _, violation := range o.violations {
			t.Errorf("%s: %s", server.Addr, violation)
		}
	})
	return o
}

// Scripts is the number of scripts and MULTI blocks so far.
func (o *OneSlot) Scripts() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.count["EVAL"] + o.count["EVALSHA"] + o.count["FCALL"] + o.count["MULTI"]
}

// line parses a line of MONITOR: +TIME [DB CLIENT] "COMMAND" "ARG" …
func (o *OneSlot) line(line string) {
	head, rest, ok := strings.Cut(line, "] ")
	if !ok {
		return
	}
	var args []string
	for rest != "" {
		word, err := strconv.QuotedPrefix(rest)
		if err != nil {
			return
		}
		plain, err := strconv.Unquote(word)
		if err != nil {
			return
		}
		args, rest = append(args, plain), strings.TrimSpace(rest[len(word):])
	}
	client := head[strings.LastIndexByte(head, ' ')+1:]
	o.mu.Lock()
	defer o.mu.Unlock()
	o.command(client, args)
}

func (o *OneSlot) command(client string, args []string) {
	name := strings.ToUpper(args[0])
	o.count[name]++
	var in *unit
	switch {
	case client == "lua":
		in = o.script
	case name == "MULTI":
		o.multi[client] = &unit{what: "a MULTI block"}
		return
	case name == "EXEC", name == "DISCARD":
		delete(o.multi, client)
		return
	default:
		in = o.multi[client]
	}
	if in == nil {
		in = &unit{what: name}
	}
	if name == "EVAL" || name == "EVALSHA" || name == "FCALL" {
		o.script = in
	}
	found, known := keysOf(name, args)
	if !known {
		o.report(name + " is no command whose keys this test knows: see keysOf")
	}
	in.exempt = in.exempt || takesNumber(found)
	for _, key := range found {
		switch {
		case in.exempt:
		case in.key == "":
			in.key = key
		case Slot(in.key) != Slot(key):
			o.report(fmt.Sprintf("%s touches %q and, in %s, %q: they are in slots %d and %d", in.what, in.key, name, key, Slot(in.key), Slot(key)))
		}
	}
}

// takesNumber reports whether keys are those of the script by which producers take an order number
// and enqueue its task. They don't send it to a Cluster, and do without it where Redis refuses it.
func takesNumber(keys []string) bool {
	return len(keys) == 2 && keys[0] == "asynq:{domains}:pending" && strings.HasSuffix(keys[1], "}:seq")
}

func (o *OneSlot) report(violation string) {
	if len(o.violations) < 20 && !slices.Contains(o.violations, violation) {
		o.violations = append(o.violations, violation)
	}
}

// keysOf are a command's keys. It reports an unknown command, which could have several keys.
func keysOf(name string, args []string) (found []string, known bool) {
	switch name {
	case "EVAL", "EVALSHA", "FCALL":
		n, err := strconv.Atoi(args[2])
		if err != nil || n < 0 || n > len(args)-3 {
			return nil, false
		}
		return args[3 : 3+n], true
	case "DEL", "UNLINK", "EXISTS", "MGET", "TOUCH", "SUNION", "SINTER", "SDIFF":
		return args[1:], true
	case "BLPOP", "BRPOP":
		return args[1 : len(args)-1], true
	case "RENAME", "RENAMENX", "RPOPLPUSH", "LMOVE", "SMOVE", "COPY":
		return args[1:3], true
	case "MSET":
		for i := 1; i < len(args); i += 2 {
			found = append(found, args[i])
		}
		return found, true
	}
	one := " APPEND DECR DECRBY EXPIRE EXPIREAT EXPIRETIME GET GETDEL GETEX GETSET HDEL HEXISTS HGET HGETALL HINCRBY HKEYS HLEN HMGET HMSET HSCAN HSET HSETNX HSTRLEN " +
		"HVALS INCR INCRBY LINDEX LINSERT LLEN LPOP LPOS LPUSH LRANGE LREM LSET LTRIM PERSIST PEXPIRE PEXPIREAT PSETEX PTTL RPOP RPUSH SADD SCARD SET SETEX SETNX " +
		"SISMEMBER SMEMBERS SMISMEMBER SPOP SRANDMEMBER SREM SSCAN STRLEN TTL TYPE DUMP ZADD ZCARD ZCOUNT ZINCRBY ZLEXCOUNT ZMSCORE ZPOPMIN ZPOPMAX ZRANGE ZRANGEBYLEX " +
		"ZRANGEBYSCORE ZRANK ZREM ZREMRANGEBYLEX ZREMRANGEBYRANK ZREMRANGEBYSCORE ZREVRANGE ZREVRANGEBYLEX ZREVRANGEBYSCORE ZREVRANK ZSCAN ZSCORE "
	none := " PING HELLO AUTH SELECT CLIENT INFO COMMAND CLUSTER CONFIG TIME PUBLISH SUBSCRIBE UNSUBSCRIBE PSUBSCRIBE SCRIPT FUNCTION READONLY READWRITE ASKING ACL QUIT ROLE WAIT " +
		"REPLCONF PSYNC KEYS SCAN DBSIZE MONITOR "
	switch {
	case strings.Contains(one, " "+name+" "):
		return args[1:2], true
	case name == "MEMORY" && len(args) > 2:
		return args[2:3], true
	}
	return nil, strings.Contains(none, " "+name+" ")
}
