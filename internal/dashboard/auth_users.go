package dashboard

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/sync/singleflight"
)

const (
	// maxCost bounds the work for one password: cost 14 takes about a second.
	maxCost = 14
	// hashers is how many passwords are checked at once: the rest of the machine
	// has work to do.
	hashers = 2
	// hashPatience is how long a password waits for its turn.
	hashPatience = 5 * time.Second
	maxName      = 64 // bytes of a user's name, which stands in the history
)

var errWrongPassword = errors.New("wrong name or password")

// Users are those who may log in. It is for all goroutines.
type Users struct {
	file atomic.Pointer[passwordFile]
	// key makes of a password what is kept of it: of use to nobody but this process.
	key   [32]byte
	turns chan struct{}
	slow  *loginLimiter
	now   func() time.Time
}

// passwordFile is the content of one password file.
type passwordFile struct {
	users   []account      // in the file's order
	byName  map[string]int // index into users
	flights singleflight.Group

	mu     sync.Mutex
	proven map[string][sha256.Size]byte // by name: the password that was right, so at most one a user
}

type account struct {
	User
	hash []byte
}

// ParseUsers reads a file as htpasswd writes it, with bcrypt hashes (htpasswd -B):
// name:hash for a user who may look, name:hash:act for one who may act, too;
// name:hash:view is the first said in full. Empty lines and those that begin with
// # are left out. Its error names every wrong line's user and what the line
// takes, and never a hash.
func ParseUsers(content []byte) (*Users, error) {
	f := &passwordFile{byName: map[string]int{}, proven: map[string][sha256.Size]byte{}}
	var wrong []error
	lines := bufio.NewScanner(bytes.NewReader(content))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff"))
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		a, err := parseUser(line)
		if _, twice := f.byName[a.Name]; err == nil && twice {
			err = fmt.Errorf("user %q is given twice; it takes each once", a.Name)
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("line %d: %w", n, err))
			continue
		}
		f.byName[a.Name] = len(f.users)
		f.users = append(f.users, a)
	}
	if err := lines.Err(); err != nil {
		wrong = append(wrong, errors.New("a line is too long; it takes lines as htpasswd -B writes them"))
	}
	if wrong == nil && len(f.users) == 0 {
		wrong = append(wrong, errors.New("it has no users; it takes lines as htpasswd -B writes them"))
	}
	if wrong != nil {
		texts := make([]string, len(wrong))
		for i, err := range wrong {
			texts[i] = err.Error()
		}
		return nil, errors.New(strings.Join(texts, "; "))
	}
	u := &Users{turns: make(chan struct{}, hashers), slow: newLoginLimiter(), now: time.Now}
	u.file.Store(f)
	_, _ = rand.Read(u.key[:]) // never fails
	return u, nil
}

// Replace makes the users of another file those who may log in. Who was logged in and
// isn't in it, or has another password there, is asked again.
func (u *Users) Replace(by *Users) { u.file.Store(by.file.Load()) }

func parseUser(line string) (account, error) {
	name, rest, found := strings.Cut(line, ":")
	odd := func(r rune) bool { return !unicode.IsPrint(r) }
	switch {
	case !found:
		return account{}, errors.New("it has no colon; it takes name:hash or name:hash:act") // the line may be a hash
	case name == "" || len(name) > maxName || !utf8.ValidString(name) || strings.ContainsFunc(name, odd):
		return account{}, fmt.Errorf("a user's name takes 1 to %d bytes of printable UTF-8", maxName)
	}
	hash, role, _ := strings.Cut(rest, ":")
	a := account{User{name, View}, []byte(hash)}
	switch role {
	case "", "view":
	case "act":
		a.Role = Act
	default:
		return account{}, fmt.Errorf("user %q has a role that isn't known; it takes view or act after the hash", name)
	}
	cost, err := bcrypt.Cost(a.hash)
	switch {
	case err != nil || len(hash) != bcryptLength:
		return account{}, fmt.Errorf("user %q has no bcrypt hash; it takes one as htpasswd -B writes it, and no other kind", name)
	case cost > maxCost:
		return account{}, fmt.Errorf("user %q has a bcrypt hash of cost %d; it takes %d at most (htpasswd -B -C)", name, cost, maxCost)
	}
	return a, nil
}

const bcryptLength = 60

// check returns the user of a name and password that are right. For others it
// returns an error, and for those who have to wait after too many wrong ones, how long.
//
// A password that was right before is let in without a look at the brake, so
// that nobody can lock out a user who is in by trying wrong ones.
func (u *Users) check(ctx context.Context, address, name, password string) (User, time.Duration, error) {
	f, mac := u.file.Load(), u.mac(name, password)
	i, known := f.byName[name]
	if known && f.isVerified(name, mac) {
		return f.users[i].User, 0, nil
	}
	type result struct {
		wait  time.Duration
		right bool
	}
	// A browser sends several requests at once; they are one try.
	got, _, _ := f.flights.Do(address+" "+string(mac[:]), func() (any, error) {
		wait, forgive := u.slow.try(u.now(), address, string(u.sum("name", name)))
		if wait > 0 {
			return result{wait: wait}, nil
		}
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), hashPatience)
		defer cancel()
		select {
		case u.turns <- struct{}{}:
		case <-limited.Done():
			forgive()
			return result{wait: hashPatience}, nil
		}
		defer func() { <-u.turns }()
		if !known {
			// The same work as for a user, and always that of the same one: how long
			// the answer takes doesn't tell who exists.
			i = int(binary.BigEndian.Uint64(u.sum("stand-in", name)) % uint64(len(f.users)))
		}
		right := bcrypt.CompareHashAndPassword(f.users[i].hash, []byte(password)) == nil && known
		if right {
			forgive()
			f.mu.Lock()
			f.proven[name] = mac
			f.mu.Unlock()
		}
		return result{right: right}, nil
	})
	switch r := got.(result); {
	case r.wait > 0:
		return User{}, r.wait, errWrongPassword
	case !r.right:
		return User{}, 0, errWrongPassword
	}
	return f.users[i].User, 0, nil
}

func (f *passwordFile) isVerified(name string, mac [sha256.Size]byte) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	proven, ok := f.proven[name]
	return ok && hmac.Equal(proven[:], mac[:])
}

func (u *Users) mac(name, password string) [sha256.Size]byte {
	return [sha256.Size]byte(u.sum("password", name, password))
}

// sum is a keyed hash of texts, each with its length before it so that no two
// lists of texts are the same.
func (u *Users) sum(texts ...string) []byte {
	h := hmac.New(sha256.New, u.key[:])
	for _, text := range texts {
		_ = binary.Write(h, binary.BigEndian, uint64(len(text))) // a hash takes everything
		_, _ = h.Write([]byte(text))
	}
	return h.Sum(nil)
}
