package test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// freeNetwork is one of 127.0.0.0/8 where nobody listens at the ports that the
// services have, which are theirs by their files.
func freeNetwork(t *testing.T) string {
	t.Helper()
tries:
	for range 100 {
		network := fmt.Sprintf("127.%d.%d.", 1+rand.IntN(254), rand.IntN(255))
		for _, port := range []string{"6379", "8080", "8081", "9000", "9053", "9090"} {
			l, err := net.Listen("tcp", net.JoinHostPort(network+"1", port))
			if err != nil {
				continue tries
			}
			_ = l.Close()
		}
		return network
	}
	t.Fatal("somebody listens at one of the services' ports for all addresses of this machine")
	return ""
}

// freePort is one of 127.0.0.1, below those that outgoing connections are given.
func freePort(t *testing.T) string {
	t.Helper()
	for range 100 {
		port := fmt.Sprint(10000 + rand.IntN(22000))
		if l, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			_ = l.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return ""
}
