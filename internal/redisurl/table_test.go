package redisurl

import (
	"encoding/json"
	"net"
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
)

// urlCase is a case of testdata/urls.json, which the PHP library's test also reads.
type urlCase struct {
	URL, Host, Socket, User, Password, Master string
	Port, DB                                  int
	TLS                                       bool
	Refused                                   string // pattern of the error
	Only                                      string // "go" for what PHP refuses
}

func TestURLsFollowTheTableThatPHPFollows(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/urls.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []urlCase
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(strconv.Quote(c.URL), func(t *testing.T) {
			t.Parallel()
			client, err := Open(c.URL)
			if err != nil {
				if c.Refused == "" || !regexp.MustCompile(c.Refused).MatchString(err.Error()) {
					t.Errorf("refused with %v; want %q", err, c.Refused)
				}
				return
			}
			defer client.Close()
			if c.Refused != "" {
				t.Fatalf("taken; want an error with %q", c.Refused)
			}
			single, is := client.(*redis.Client)
			if !is || c.Only != "" {
				return // understood is checked by TestOpenUnderstandsEachForm
			}
			o := single.Options()
			got := urlCase{URL: c.URL, User: o.Username, Password: o.Password, DB: o.DB, TLS: o.TLSConfig != nil, Master: c.Master}
			want := c
			switch {
			case o.Network == "unix":
				got.Socket = o.Addr
			case c.Master == "": // of Sentinels the address isn't known yet
				host, port, err := net.SplitHostPort(o.Addr)
				if err != nil {
					t.Fatal(err)
				}
				got.Host = host
				if got.Port, err = strconv.Atoi(port); err != nil {
					t.Fatal(err)
				}
				if want.Port == 0 {
					want.Port = 6379
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("understood as (-want +got):\n%s", diff)
			}
		})
	}
}
