package listen

import (
	"net"
	"testing"
)

func TestFamily(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"0.0.0.0:80": "4", "127.0.0.1:80": "4", "[::ffff:192.0.2.1]:80": "4", "[::]:80": "6", "[::1]:80": "6",
		":80": "", "localhost:80": "", "80": "",
	} {
		if got := family(address); got != want {
			t.Errorf("%s is of the family %q, want %q", address, got, want)
		}
	}
}

// answers reports whether a TCP connection to a host's port can be made.
func answers(host, port string) bool {
	conn, err := net.Dial("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

func TestAnAddressOfAllInterfacesHasOneFamily(t *testing.T) {
	t.Parallel()
	probe, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skip("this machine has no IPv6")
	}
	probe.Close()
	for address, want := range map[string][2]bool{"0.0.0.0:0": {true, false}, "[::]:0": {false, true}, ":0": {true, true}} {
		l, err := TCP(address)
		if err != nil {
			t.Fatal(err)
		}
		_, port, err := net.SplitHostPort(l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]bool{answers("127.0.0.1", port), answers("::1", port)}; got != want {
			t.Errorf("%s answers IPv4 %v, IPv6 %v; want %v, %v", address, got[0], got[1], want[0], want[1])
		}
		l.Close()
	}
}

func TestPacketsHaveOneFamilyToo(t *testing.T) {
	t.Parallel()
	c, err := UDP("0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if addr := c.LocalAddr().(*net.UDPAddr); addr.IP.To4() == nil {
		t.Errorf("it listens at %s", addr)
	}
}
