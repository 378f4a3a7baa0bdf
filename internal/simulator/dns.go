package simulator

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"pilotsync/internal/listen"
)

// maxAliases bounds a chain of CNAME records. As with real resolvers, a longer chain or a
// loop is an error.
const maxAliases = 8

// resolution is the result of resolving a name.
type resolution struct {
	aliases   []string // the targets of the chain of CNAME records
	addresses []netip.Addr
	caa       []string
	rcode     int
	extended  uint16 // goes with the rcode unless it is 0
	silent    bool   // there is no response
}

// resolve resolves a name for a resolver that checks DNSSEC's signatures. It is called with
// the lock held.
func (s *Simulator) resolve(name string) resolution {
	return s.resolveFor(name, new(dns.Msg))
}

// resolveFor is resolve for a question.
func (s *Simulator) resolveFor(name string, query *dns.Msg) resolution {
	var r resolution
	for range maxAliases {
		b := s.behaviour(name)
		switch {
		case b.DNSSilent:
			return resolution{silent: true}
		case b.DNSError, b.DNSSECBogus && !query.CheckingDisabled, b.CAAError && asks(query, dns.TypeCAA):
			return resolution{rcode: dns.RcodeServerFailure, extended: b.ExtendedError}
		case b.NoDNS:
			r.rcode = dns.RcodeNameError
			return r
		case b.CNAME != "":
			name = b.CNAME
			r.aliases = append(r.aliases, name)
			continue
		}
		r.addresses, r.caa = b.PointsTo, b.CAA
		switch {
		case b.Proxied:
			r.addresses = []netip.Addr{proxyAddress}
		case len(r.addresses) == 0:
			r.addresses = []netip.Addr{s.opt.ServerAddress}
		}
		r.addresses = slices.Concat(r.addresses, b.PointsAlsoTo)
		return r
	}
	return resolution{rcode: dns.RcodeServerFailure}
}

func (s *Simulator) answerDNS(w dns.ResponseWriter, query *dns.Msg) {
	reply := new(dns.Msg).SetReply(query)
	reply.Authoritative, reply.RecursionAvailable = true, true
	if len(query.Question) == 1 {
		question := query.Question[0]
		s.mu.Lock()
		r := s.resolveFor(canonical(question.Name), query)
		if alias := s.behaviour(question.Name).CNAME; alias != "" && question.Qtype == dns.TypeCNAME {
			r = resolution{aliases: []string{alias}} // a resolver doesn't follow it for a CNAME question
		}
		s.mu.Unlock()
		if r.silent {
			return
		}
		reply.Rcode = r.rcode
		reply.Answer = records(question, r)
		if opt := query.IsEdns0(); opt != nil && r.extended != 0 {
			reply.SetEdns0(opt.UDPSize(), false)
			reply.IsEdns0().Option = append(reply.IsEdns0().Option, &dns.EDNS0_EDE{InfoCode: r.extended})
		}
	} else {
		reply.Rcode = dns.RcodeFormatError
	}
	if w.RemoteAddr().Network() == "udp" { // the client repeats a truncated query over TCP
		size := dns.MinMsgSize
		if opt := query.IsEdns0(); opt != nil {
			size = max(size, int(opt.UDPSize()))
		}
		reply.Truncate(size)
	}
	_ = w.WriteMsg(reply) // the client repeats a lost query
}

// asks reports whether a query asks for records of a type.
func asks(query *dns.Msg, kind uint16) bool {
	return len(query.Question) == 1 && query.Question[0].Qtype == kind
}

// records returns the records of a resolution that answer a question: the aliases, and the
// addresses of the family in question or the CAA records.
func records(question dns.Question, r resolution) []dns.RR {
	owner := question.Name // in the question's letter case
	header := func(kind uint16) dns.RR_Header {
		return dns.RR_Header{Name: owner, Rrtype: kind, Class: dns.ClassINET, Ttl: 0} // behaviours change at any time
	}
	var rrs []dns.RR
	for _, alias := range r.aliases {
		rrs = append(rrs, &dns.CNAME{Hdr: header(dns.TypeCNAME), Target: dns.Fqdn(alias)})
		owner = dns.Fqdn(alias)
	}
	for _, address := range r.addresses {
		switch {
		case question.Qtype == dns.TypeA && address.Is4():
			rrs = append(rrs, &dns.A{Hdr: header(dns.TypeA), A: address.AsSlice()})
		case question.Qtype == dns.TypeAAAA && address.Is6():
			rrs = append(rrs, &dns.AAAA{Hdr: header(dns.TypeAAAA), AAAA: address.AsSlice()})
		}
	}
	if question.Qtype == dns.TypeCAA {
		for _, text := range r.caa {
			rr, err := caaRecord(owner, text)
			if err != nil {
				panic(err) // no test can continue
			}
			rrs = append(rrs, rr)
		}
	}
	return rrs
}

func caaRecord(owner, text string) (dns.RR, error) {
	rr, err := dns.NewRR(owner + " 0 CAA " + text)
	if err != nil {
		return nil, fmt.Errorf("simulator: the CAA record %q: %w", text, err)
	}
	return rr, nil
}

// startDNS serves UDP and TCP on the same port.
func (s *Simulator) startDNS(address string) error {
	packets, listener, err := listenDNS(address)
	if err != nil {
		return fmt.Errorf("listening for DNS on %s: %w", address, err)
	}
	s.dnsAddr = listener.Addr()
	for _, server := range []*dns.Server{{PacketConn: packets}, {Listener: listener}} {
		// Shutdown works only on a server that has started.
		started := make(chan struct{})
		server.NotifyStartedFunc = func() { close(started) }
		server.Handler = dns.HandlerFunc(s.answerDNS)
		s.running.Go(func() {
			if err := server.ActivateAndServe(); err != nil {
				panic(fmt.Sprintf("simulator: serving DNS on %s: %v", s.dnsAddr, err)) // no test can continue
			}
		})
		<-started
		s.resolvers = append(s.resolvers, server)
	}
	return nil
}

func listenDNS(address string) (net.PacketConn, net.Listener, error) {
	for try := 1; ; try++ {
		packets, err := listen.UDP(address)
		if err != nil {
			return nil, nil, err
		}
		listener, err := listen.TCP(packets.LocalAddr().String())
		if err == nil {
			return packets, listener, nil
		}
		_ = packets.Close()
		// A port that is free for UDP may be in use for TCP. If the system chooses the
		// port, try another one.
		if try == 20 || !strings.HasSuffix(address, ":0") {
			return nil, nil, err
		}
	}
}
