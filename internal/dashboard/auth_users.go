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
	// maxHashing is how many passwords are checked concurrently, since the machine also has
	// other work.
	maxHashing = 2
	// hashTimeout is how long a password waits for one of these slots.
	hashTimeout = 5 * time.Second
	maxName     = 64 // bytes of a user's name, which the history contains
)

var errWrongPassword = errors.New("wrong name or password")

// Users are the users who may log in. It is safe for concurrent use.
type Users struct {
	file atomic.Pointer[passwordFile]
	// key is the key of the hashes of verified passwords. Only this process can use it.
	key       [32]byte
	hashSlots chan struct{}
	limiter   *loginLimiter
	now       func() time.Time
}

// passwordFile is the content of one password file.
type passwordFile struct {
	users   []account      // in the file's order
	byName  map[string]int // index into users
	flights singleflight.Group

	mu       sync.Mutex
	verified map[string][sha256.Size]byte // by name: the keyed hash of the right password
}

type account struct {
	User
	hash []byte
}

// ParseUsers reads a password file as htpasswd -B writes it, with bcrypt hashes. A line is
// name:hash or name:hash:view for a user with the role [View], and name:hash:act for one
// with the role [Act]. Empty lines and lines that begin with # are skipped. The error names
// the user and the rule of every invalid line, but never a hash.
func ParseUsers(content []byte) (*Users, error) {
	f := &passwordFile{byName: map[string]int{}, verified: map[string][sha256.Size]byte{}}
	var invalid []error
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
			invalid = append(invalid, fmt.Errorf("line %d: %w", n, err))
			continue
		}
		f.byName[a.Name] = len(f.users)
		f.users = append(f.users, a)
	}
	if err := lines.Err(); err != nil {
		invalid = append(invalid, errors.New("a line is too long; it takes lines as htpasswd -B writes them"))
	}
	if invalid == nil && len(f.users) == 0 {
		invalid = append(invalid, errors.New("it has no users; it takes lines as htpasswd -B writes them"))
	}
	if invalid != nil {
		texts := make([]string, len(invalid))
		for i, err := range invalid {
			texts[i] = err.Error()
		}
		return nil, errors.New(strings.Join(texts, "; "))
	}
	u := &Users{hashSlots: make(chan struct{}, maxHashing), limiter: newLoginLimiter(), now: time.Now}
	u.file.Store(f)
	_, _ = rand.Read(u.key[:]) // never fails
	return u, nil
}

// Replace replaces the users by those of another file. A user who isn't in it, or whose
// password changed, must log in again.
func (u *Users) Replace(by *Users) { u.file.Store(by.file.Load()) }

func parseUser(line string) (account, error) {
	name, rest, found := strings.Cut(line, ":")
	unprintable := func(r rune) bool { return !unicode.IsPrint(r) }
	switch {
	case !found:
		return account{}, errors.New("it has no colon; it takes name:hash or name:hash:act") // the line may be a hash
	case name == "" || len(name) > maxName || !utf8.ValidString(name) || strings.ContainsFunc(name, unprintable):
		return account{}, fmt.Errorf("a user's name takes 1 to %d bytes of printable UTF-8", maxName)
	}
	hash, role, _ := strings.Cut(rest, ":")
	a := account{User{name, View}, []byte(hash)}
	switch role {
	case "", "view":
	case "act":
		a.Role = Act
	default:
		return account{}, fmt.Errorf("user %q has an unknown role; it takes view or act after the hash", name)
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

// check returns the user of a right name and password. Otherwise it returns an error, and
// after too many wrong passwords also the time to wait.
//
// The limiter doesn't apply to a password that was right before. So wrong passwords from
// elsewhere can't lock out a user who is logged in.
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
	// A browser sends several requests concurrently; they count as one try.
	got, _, _ := f.flights.Do(address+" "+string(mac[:]), func() (any, error) {
		wait, forgive := u.limiter.try(u.now(), address, string(u.keyedHash("name", name)), known)
		if wait > 0 {
			return result{wait: wait}, nil
		}
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), hashTimeout)
		defer cancel()
		select {
		case u.hashSlots <- struct{}{}:
		case <-limited.Done():
			forgive()
			return result{wait: hashTimeout}, nil
		}
		defer func() { <-u.hashSlots }()
		if !known {
			// Do the same work as for an existing user, always with the same hash for a
			// name. So the response time doesn't reveal which names exist.
			i = int(binary.BigEndian.Uint64(u.keyedHash("stand-in", name)) % uint64(len(f.users)))
		}
		right := bcrypt.CompareHashAndPassword(f.users[i].hash, []byte(password)) == nil && known
		if right {
			forgive()
			f.mu.Lock()
			f.verified[name] = mac
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
	verified, ok := f.verified[name]
	return ok && hmac.Equal(verified[:], mac[:])
}

func (u *Users) mac(name, password string) [sha256.Size]byte {
	return [sha256.Size]byte(u.keyedHash("password", name, password))
}

// keyedHash hashes texts with the key. Each text is preceded by its length, so different
// lists of texts differ.
func (u *Users) keyedHash(texts ...string) []byte {
	h := hmac.New(sha256.New, u.key[:])
	for _, text := range texts {
		_ = binary.Write(h, binary.BigEndian, uint64(len(text))) // writing to a hash never fails
		_, _ = h.Write([]byte(text))
	}
	return h.Sum(nil)
}
