package certcheck

import (
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func TestCAARecordsAreReadAsLetsEncryptDoes(t *testing.T) {
	t.Parallel()
	for records, want := range map[string]struct {
		status  CAAStatus
		issuers []string
		detail  string
	}{
		`0 issue "letsencrypt.org"`:                                   {status: CAAAllows},
		`0 issue " LetsEncrypt.org ; a=b"`:                            {status: CAAAllows},
		`0 issue "ca.example.net" | 0 issue "letsencrypt.org"`:        {status: CAAAllows},
		`0 issue "letsencrypt.org; validationmethods=dns-01,http-01"`: {status: CAAAllows},
		`0 iodef "mailto:a@example.com"`:                              {status: CAAAllows},
		`0 issuewild ";"`:                                             {status: CAAAllows},
		`0 issuewild "ca.example.net" | 128 issuemail ";"`:            {status: CAAAllows},
		`0 future "x"`: {status: CAAAllows},
		`0 issue ";"`:  {status: CAAForbids},
		`0 issue ""`:   {status: CAAForbids},
		`0 issue "ca.example.net" | 0 issue "x.example"`:      {status: CAAForbids, issuers: []string{"ca.example.net", "x.example"}},
		`0 issue "notletsencrypt.org"`:                        {status: CAAForbids, issuers: []string{"notletsencrypt.org"}},
		`0 issue "letsencrypt.org; validationmethods=dns-01"`: {status: CAAForbids, issuers: []string{"letsencrypt.org; validationmethods=dns-…"}},
		`128 future "x"`: {status: CAACritical, detail: `"future"`},
		`1 future "x" | 0 issue "letsencrypt.org"`:                               {status: CAACritical, issuers: []string{"letsencrypt.org"}, detail: `"future"`},
		`0 issue "` + strings.Repeat("a", 200) + `" | 0 issue "b" | 0 issue "c"`: {status: CAAForbids, issuers: []string{strings.Repeat("a", 39) + "…", "b", "c"}},
	} {
		var set []*dns.CAA
		for record := range strings.SplitSeq(records, " | ") {
			rr, err := dns.NewRR("example.com. 60 CAA " + record)
			if err != nil {
				t.Fatal(err)
			}
			set = append(set, rr.(*dns.CAA))
		}
		got := evaluateCAA(set)
		if got.Status != want.status || !slices.Equal(got.Issuers, want.issuers) || got.Detail != want.detail {
			t.Errorf("%s: %+v; want %+v", records, got, want)
		}
	}
}

func TestCAAIsLookedUpFromTheNameUpwards(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var names []string
	record := func(w dns.ResponseWriter, req *dns.Msg) bool {
		if req.Question[0].Qtype == dns.TypeCAA {
			mu.Lock()
			defer mu.Unlock()
			names = append(names, req.Question[0].Name)
		}
		return false
	}
	ca := newAuthority(t)
	s := startTLSServer(t, ca.roots, withTLS(ca.issue(t, nil, "other.example.net")))
	cfg := s.config(startDNS(t, "a.b.example.com. 60 A 127.0.0.1\nb.example.com. 60 CAA 0 issue \"letsencrypt.org\"\nexample.com. 60 CAA 0 issue \";\"", record))
	if got := New(cfg).Check(t.Context(), "a.b.example.com", loopback); got.CAA.Status != CAAAllows {
		t.Errorf("the nearest set must decide: %+v", got.CAA)
	}
	mu.Lock()
	defer mu.Unlock()
	if want := []string{"a.b.example.com.", "b.example.com."}; !slices.Equal(names, want) {
		t.Errorf("asked for %q; want %q", names, want)
	}
}

func TestOnlyServerFailureTwiceStopsCAA(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rcodes []int // of the answers in turn; the last one stays
		want   CAAStatus
	}{
		"SERVFAIL":        {[]int{dns.RcodeServerFailure}, CAAUnknown},
		"once":            {[]int{dns.RcodeServerFailure, dns.RcodeSuccess}, CAAAllows},
		"the type is new": {[]int{dns.RcodeNotImplemented}, CAAAllows},
		"refused":         {[]int{dns.RcodeRefused}, CAAAllows},
		"EDNS is new":     {[]int{dns.RcodeFormatError}, CAAAllows},
		"then refused":    {[]int{dns.RcodeServerFailure, dns.RcodeRefused}, CAAAllows},
	} {
		var asked atomic.Int32
		resolver := startDNS(t, pointsHere, func(w dns.ResponseWriter, req *dns.Msg) bool {
			i := int(asked.Add(1)) - 1
			w.WriteMsg(new(dns.Msg).SetRcode(req, c.rcodes[min(i, len(c.rcodes)-1)]))
			return true
		})
		if got := New((*tlsServer)(nil).config(resolver)).lookUpCAA(t.Context(), "example.com"); got.Status != c.want {
			t.Errorf("%s: %+v; want %q", name, got, c.want)
		}
	}
	silent := New((*tlsServer)(nil).config(startDNS(t, "", nil)))
	if got := silent.lookUpCAA(t.Context(), "silent.test"); got.Status != CAAAllows {
		t.Errorf("a timeout: %+v", got)
	}
}

func TestAHangingHandshakeLeavesTimeForCAA(t *testing.T) {
	t.Parallel()
	s := startTLSServer(t, nil, silence)
	got := check(t, pointsHere+`example.com. 60 CAA 0 issue ";"`, "example.com", s, func(c *Config) { c.Timeout = 5 * time.Second })
	if got.TLS != HandshakeFailed || got.CAA.Status != CAAForbids {
		t.Errorf("got %s, CAA %+v", got.TLS, got.CAA)
	}
}

func TestAWorkingNameCostsNoQueryForCAA(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	s := startTLSServer(t, ca.roots, withTLS(ca.issue(t, nil, "example.com")))
	queries := make(chan uint16, 100)
	cfg := s.config(startDNS(t, pointsHere, func(w dns.ResponseWriter, req *dns.Msg) bool {
		queries <- req.Question[0].Qtype
		return false
	}))
	if got := New(cfg).Check(t.Context(), "example.com", loopback); !got.Good() {
		t.Errorf("not good: %+v", got)
	}
	if len(queries) == 0 {
		t.Error("no query was made")
	}
	for len(queries) > 0 {
		if kind := <-queries; kind != dns.TypeA && kind != dns.TypeAAAA {
			t.Errorf("asked for %s", dns.TypeToString[kind])
		}
	}
}

func TestALongAnswerIsReadOverTCP(t *testing.T) {
	t.Parallel()
	zone := pointsHere
	for range 60 {
		zone += "example.com. 60 CAA 0 iodef \"mailto:a-long-address-for-reports@example.com\"\n"
	}
	zone += `example.com. 60 CAA 0 issue "ca.example.net"`
	s := startTLSServer(t, nil, func(net.Conn) {})
	if got := check(t, zone, "example.com", s); got.CAA.Status != CAAForbids {
		t.Errorf("CAA: %+v", got.CAA)
	}
}

func TestAWWWFormThatCAAForbidsIsAWarning(t *testing.T) {
	t.Parallel()
	allowed := Probe{DNS: PointsHere, TLS: WrongName}
	forbidden := Probe{DNS: PointsHere, TLS: WrongName, CAA: CAA{Status: CAAForbids, Record: "www.example.com"}}
	for name, c := range map[string]struct {
		domain, www Probe
		want        int
	}{
		"CAA of the www form":      {allowed, forbidden, 1},
		"CAA of both":              {forbidden, forbidden, 0},
		"it lacks one as well":     {allowed, allowed, 0},
		"the domain works already": {Probe{DNS: PointsHere, TLS: Valid}, allowed, 1},
	} {
		f := Facts{Domain: "example.com", Names: []string{"example.com", "www.example.com"}, Attempt: 1, Limit: 5,
			Probes: map[string]Probe{"example.com": c.domain, "www.example.com": c.www}}
		if got := Evaluate(f).Warnings; len(got) != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
