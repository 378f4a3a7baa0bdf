package tasks

import (
	"fmt"
	"time"
)

// Limits of checks. The client waits for the result, so a late one is of no use.
const (
	// CheckTimeout is how long after AskedAt a check may end. A worker drops an older one.
	CheckTimeout = 25 * time.Second
	// CheckRetention is how long a result can be read.
	CheckRetention = 2 * time.Minute
	// MaxChecks is how many domains may be checked at once.
	MaxChecks = 50
	// checkInterval is the time in which equal checks are one task.
	checkInterval = 10 * time.Second
)

// Check is the payload of domain:check: would a domain work on an app? The task's result is a
// [CheckResult] in JSON. A check changes nothing.
type Check struct {
	AppID  string `json:"app_id"`
	Domain string `json:"domain"`
	// WWW overrides the worker's setting; empty leaves it to the setting.
	WWW WWW `json:"www,omitempty"`
	// AskedAt is when the client requested the check, by Redis's clock.
	AskedAt time.Time `json:"asked_at"`
	// By is the operator's name for the log; empty for WordPress.
	By string `json:"by,omitempty"`

	V Version `json:"v"`
}

// ID returns the id of the check's task: equal checks within ten seconds are one task. A later
// check is a task of its own, so it sees corrected DNS records.
func (c Check) ID() string {
	return fmt.Sprintf("check:%s:%s:%s:%d", c.AppID, c.Domain, c.WWW, c.AskedAt.Unix()/int64(checkInterval/time.Second))
}

func (c *Check) check() error {
	var www error
	if c.WWW != "" {
		_, www = ParseWWW(string(c.WWW))
	}
	return joinLine(CheckAppID(c.AppID), checkDomain(&c.Domain), www, checkTime("asked_at", c.AskedAt), CheckBy(c.By))
}

// CheckResult answers whether a domain would work. The keys are a contract.
type CheckResult struct {
	Domain string   `json:"domain"`
	Names  []string `json:"names"`
	// OK: the domain would work, or works.
	OK bool `json:"ok"`
	// Cause is about the domain, and Problems are the causes of all its names that
	// wouldn't work.
	Cause
	Problems []Cause `json:"problems"`
	// Records are those that the names need in DNS; none if the server's address isn't known.
	Records []DNSRecord `json:"records"`
}
