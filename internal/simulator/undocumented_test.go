package simulator

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestOddNamesAreKeptCorrectedOrRefused(t *testing.T) {
	t.Parallel()
	odd := []string{"Shop.example.com", "a.example.com", "shop.example.com"}
	for _, test := range []struct {
		name    string
		choice  Undocumented
		want    []string
		message string
	}{
		{"kept", Undocumented{}, odd, ""},
		{"in lower case", Undocumented{UpperCase: CorrectOddity}, []string{"shop.example.com", "a.example.com", "shop.example.com"}, ""},
		{"once", Undocumented{Duplicates: CorrectOddity}, odd[:2], ""},
		{"capitals refused", Undocumented{UpperCase: RefuseOddity}, nil, `"Shop.example.com" has capitals.`},
		{"duplicates refused", Undocumented{Duplicates: RefuseOddity}, nil, `"shop.example.com" is on the list twice.`},
		{"refused without the name", Undocumented{Duplicates: RefuseOddity, TerseErrors: true}, nil, "Invalid argument: domains."},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := startSimulator(t, Options{Undocumented: test.choice})
			got := write(t, s, odd...)
			if got.Error.Message != test.message {
				t.Errorf("the answer is %d %s", got.status, got.raw)
			}
			if diff := cmp.Diff(test.want, s.List("app1")); diff != "" {
				t.Errorf("list (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStrictRefusesWhatIsNotDocumented(t *testing.T) {
	t.Parallel()
	s := startSimulator(t, Options{Undocumented: Undocumented{Strict: true}})
	body := listBody(t, "a.example.com")
	r := request(t, s, http.MethodPost, "/apps/app1", body)
	r.Header.Del("Content-Type")
	if got := send(r); got.status != 400 || !strings.Contains(got.Error.Message, "Content-Type") {
		t.Errorf("without a content type: %d %s", got.status, got.raw)
	}
	if got := call(t, s, http.MethodPost, "/apps/app1", `{"domains":[],"name":"x"}`); got.status != 400 || got.Error.Message != `unknown argument "name".` {
		t.Errorf("with an unknown argument: %d %s", got.status, got.raw)
	}
	r = request(t, s, http.MethodPost, "/apps/app1", body)
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	if got := send(r); got.status != 200 {
		t.Errorf("as documented: %d %s", got.status, got.raw)
	}
}

// The time is the machine's, and too long to pass meanwhile, or over at once.
func TestReadsMayShowTheListFromBeforeAWrite(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		lasts time.Duration
		want  []string
	}{{time.Hour, []string{"old.example.com"}}, {time.Nanosecond, []string{"b.example.com"}}} {
		s := startSimulator(t, Options{Apps: []App{{ID: "app1", Domains: []string{"old.example.com"}}}, Undocumented: Undocumented{StaleReads: test.lasts}})
		for _, name := range []string{"a.example.com", "b.example.com"} {
			if got := write(t, s, name).app(t).Domains; !slices.Equal(got, []string{name}) {
				t.Errorf("the answer of the write has %v", got)
			}
		}
		if got := call(t, s, http.MethodGet, "/apps/app1", "").app(t).Domains; !slices.Equal(got, test.want) {
			t.Errorf("stale for %s: read %v, want %v", test.lasts, got, test.want)
		}
		if got := s.Reads("app1")[0].List; !slices.Equal(got, test.want) {
			t.Errorf("stale for %s: the record of the read has %v", test.lasts, got)
		}
	}
}

func TestAnswersMayShuffleAList(t *testing.T) {
	t.Parallel()
	names := []string{"a.example.com", "b.example.com", "c.example.com", "d.example.com", "e.example.com"}
	s := startSimulator(t, Options{Undocumented: Undocumented{ShuffledLists: true}})
	orders := map[string]bool{}
	for i := range 20 {
		answer := write(t, s, names...).app(t).Domains
		read := call(t, s, http.MethodGet, "/apps/app1", "").app(t).Domains
		if recorded := s.Reads("app1")[i].List; !slices.Equal(recorded, read) {
			t.Errorf("read %v; its record has %v", read, recorded)
		}
		for _, got := range [][]string{answer, read} {
			orders[strings.Join(got, " ")] = true
			if slices.Sort(got); !slices.Equal(got, names) {
				t.Errorf("the names are %v", got)
			}
		}
	}
	if len(orders) < 10 || !slices.Equal(s.List("app1"), names) {
		t.Errorf("%d orders; the list itself is %v", len(orders), s.List("app1"))
	}
}
