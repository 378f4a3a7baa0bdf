package freeport

import (
	"net"
	"testing"
)

func TestAnAddressIsFreeAndNotGivenToOutgoingConnections(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 50 {
		addr, err := Addr()
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Fatalf("%s isn't free: %v", addr, err)
		}
		defer l.Close()
		if port := l.Addr().(*net.TCPAddr).Port; port < first || port > last || seen[addr] {
			t.Errorf("port %d is out of range, or was given out before (%v)", port, seen[addr])
		}
		seen[addr] = true
	}
}
