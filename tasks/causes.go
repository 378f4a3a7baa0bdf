package tasks

import "slices"

// Actor is the party that has to remove a cause.
type Actor string

const (
	ActorOwner    Actor = "owner"    // the domain's owner, in DNS
	ActorOperator Actor = "operator" // the operator of pilotsync or of the ServerPilot app
	ActorNone     Actor = "nobody"   // the cause needs no action: pilotsync removes it, it ends by itself, or nothing is wrong
)

// Entry is one code of the catalogue.
type Entry struct {
	Code Code
	// Sentence is a clause without a full stop, Remedy full sentences. {name} stands for a
	// parameter, by its name in JSON. A part in [brackets] is shown only if its parameters
	// aren't empty. Two more come from the parameter expected. {value} is what DNS should have:
	// the first address of each family, or an address in its networks. {ipv6} is the first IPv6
	// address.
	Sentence, Remedy string
	// Detected says how pilotsync finds the cause out, for the documentation.
	Detected string
	Actor    Actor
	// Problem: the name doesn't work yet, or will soon stop working.
	Problem bool
}

// Codes of a domain's way to the list.
const (
	CauseAdditionRequested Code = "AdditionRequested"
	CauseRemovalRequested  Code = "RemovalRequested"
	CauseWaitsToBeListed   Code = "WaitsToBeListed"
	CauseWaitsToBeRemoved  Code = "WaitsToBeRemoved"
	CauseAppPaused         Code = "AppPaused"
	CauseAppFailing        Code = "AppFailing"
	CauseAppBlocked        Code = "AppBlocked"
	CauseActionFailed      Code = "ActionFailed" // only of an app
	CauseDryRun            Code = "DryRun"
	CauseSuperseded        Code = "Superseded" // only in a history

	CauseListed                Code = "Listed"
	CauseAlreadyListed         Code = "AlreadyListed"
	CauseListedWildcard        Code = "ListedWildcard"
	CauseVerificationRequested Code = "VerificationRequested"
	CauseNothingChanged        Code = "NothingChanged"
	CausePutBack               Code = "PutBack"
	CauseNamesChanged          Code = "NamesChanged"
	CauseRemovedAgain          Code = "RemovedAgain"
	CauseRemoved               Code = "Removed"
	CauseKeptForAnother        Code = "KeptForAnother"
	CauseWasNotListed          Code = "WasNotListed"

	CauseListFull             Code = "ListFull"
	CauseRefusedByServerPilot Code = "RefusedByServerPilot"
	CauseNoLongerListed       Code = "NoLongerListed"
	CauseNameProtected        Code = "NameProtected"
)

// Codes of a verification, in the order in which it checks for them.
const (
	CauseNameNotCertifiable Code = "NameNotCertifiable"
	CauseServerDisconnected Code = "ServerDisconnected"
	CauseCouldNotCheck      Code = "CouldNotCheck"
	CauseNotOnList          Code = "NotOnList"
	CauseOnTwoApps          Code = "OnTwoApps" // only among the warnings

	CauseDNSMissing           Code = "DNSMissing"
	CauseDNSAliasDangling     Code = "DNSAliasDangling"
	CauseDNSElsewhere         Code = "DNSElsewhere"
	CauseIPv6Elsewhere        Code = "IPv6Elsewhere"
	CauseServerAddressUnknown Code = "ServerAddressUnknown"
	CauseDNSSECBogus          Code = "DNSSECBogus"
	CauseDNSUnknown           Code = "DNSUnknown"
	CauseBehindProxy          Code = "BehindProxy"
	CauseOtherSite            Code = "OtherSite"
	CauseCAAForbids           Code = "CAAForbids"
	CauseCAACritical          Code = "CAACritical"
	CauseCAAUnknown           Code = "CAAUnknown"

	CauseCertificateNotReady     Code = "CertificateNotReady"
	CauseCertificateUnknown      Code = "CertificateUnknown"
	CauseAutoSSLRefused          Code = "AutoSSLRefused"
	CauseAutoSSLFailed           Code = "AutoSSLFailed"
	CauseAutoSSLStarted          Code = "AutoSSLStarted"
	CauseAutoSSLOff              Code = "AutoSSLOff"
	CauseAutoSSLDryRun           Code = "AutoSSLDryRun"
	CauseCertificateDoesNotCover Code = "CertificateDoesNotCover"
	CauseCustomDoesNotCover      Code = "CustomDoesNotCover"
	CauseCustomNotAccepted       Code = "CustomNotAccepted"
	CauseCertificateWrongName    Code = "CertificateWrongName"
	CauseCertificateExpired      Code = "CertificateExpired"
	CauseCertificateNotYetValid  Code = "CertificateNotYetValid"
	CauseCertificateUntrusted    Code = "CertificateUntrusted"
	CauseAddressNotPublic        Code = "AddressNotPublic"
	CauseServerUnreachable       Code = "ServerUnreachable"
	CauseNoTLS                   Code = "NoTLS"
	CauseHandshakeFailed         Code = "HandshakeFailed"

	CauseCertificateExpiring       Code = "CertificateExpiring"
	CauseCustomCertificateExpiring Code = "CustomCertificateExpiring"
	CauseProxyCertificateExpiring  Code = "ProxyCertificateExpiring"
	CauseWorks                     Code = "Works"
)

// Codes of a check before a domain is added. The others are those of a verification.
const (
	CauseOnAnotherApp      Code = "OnAnotherApp"
	CauseCustomCertificate Code = "CustomCertificate"
	CauseWouldWork         Code = "WouldWork"
	CauseOriginUnknown     Code = "OriginUnknown"
	CauseCheckFailed       Code = "CheckFailed"
)

// Rule is why Let's Encrypt never certifies a name, or not in the way that ServerPilot uses.
type Rule string

const (
	RuleWildcard     Rule = "wildcard"
	RuleHyphens      Rule = "hyphens"
	RuleLabels       Rule = "labels"
	RuleLength       Rule = "length"
	RulePublicSuffix Rule = "public-suffix"
)

// Rules returns all rules.
func Rules() []Rule {
	return []Rule{RuleWildcard, RuleHyphens, RuleLabels, RuleLength, RulePublicSuffix}
}

// Text describes the rule, as a clause.
func (r Rule) Text() string {
	switch r {
	case RuleWildcard:
		return "a wildcard needs a check over DNS, and ServerPilot's certificates are checked over HTTP"
	case RuleHyphens:
		return "a label has hyphens in the third and fourth place, and isn't an internationalized name (xn--)"
	case RuleLabels:
		return "a name may have at most 10 labels"
	case RuleLength:
		return "a name may have at most 253 bytes, and each label 63"
	case RulePublicSuffix:
		return "it isn't below a public suffix, such as .com"
	}
	return sanitize(string(r))
}

// Lookup returns a code's entry; ok is false if this release doesn't know the code.
func Lookup(code Code) (e Entry, ok bool) {
	for _, table := range [][]Entry{verificationCauses[:], listCauses[:], checkCauses[:]} {
		for _, e := range table {
			if e.Code == code {
				return e, true
			}
		}
	}
	return Entry{}, false
}

// Causes is the catalogue: every code, with its texts.
func Causes() []Entry { return slices.Concat(listCauses[:], verificationCauses[:], checkCauses[:]) }

// The tables are read only.
var (
	listCauses = [...]Entry{
		{CauseAdditionRequested, "asked to be put on the list", "Nothing: the next sync of the app handles it.", "A task domain:add was recorded.", ActorNone, false},
		{CauseRemovalRequested, "asked to be taken off the list", "Nothing: the next sync of the app handles it.", "A task domain:remove was recorded.", ActorNone, false},
		{CauseWaitsToBeListed, "waits to be put on the list", "Nothing: the next sync of the app handles it.", "The change is recorded, and no sync has handled it yet.", ActorNone, false},
		{CauseWaitsToBeRemoved, "waits to be taken off the list", "Nothing: the next sync of the app handles it.", "The change is recorded, and no sync has handled it yet.", ActorNone, false},
		{CauseAppPaused, "waits: the app was paused by {by}",
			"Resume the app, on its page or with 'pilotsync resume --app={app}'. Its changes wait until then; none is lost.", "An operator paused the app.", ActorOperator, false},
		{CauseAppFailing, "waits: {message}", "Nothing yet: syncs of the app are retried, and its changes wait. If it lasts, see the worker's log.",
			"The last sync of the app failed.", ActorNone, false},
		{CauseAppBlocked, "waits: {message}", "Remove this cause, which blocks the app. Its changes then continue by themselves; none is lost.",
			"ServerPilot refuses the app's calls, and no retry can help.", ActorOperator, false},
		{CauseActionFailed, "ServerPilot's action {message} for the last change of app {app}'s list ended with errors",
			"See whether the app's domains work. If one doesn't, save the app's domains in ServerPilot once more. pilotsync doesn't write them again because of this.",
			"The action's status is error.", ActorOperator, true},
		{CauseDryRun, "dry run: {would}", "A dry run writes nothing. A worker without PILOTSYNC_DRY_RUN makes the change.", "A worker in a dry run planned the change.", ActorOperator, false},
		{CauseSuperseded, "no effect: a later change of the domain was recorded before it", "Nothing, if the later change is right. Otherwise request this one again.",
			"A worker took a change off the queue whose order number is less than that of the domain's last change.", ActorNone, false},

		{CauseListed, "put on the list; DNS and the certificate are checked next", "Nothing: the first check starts by itself.", "A sync wrote the list.", ActorNone, false},
		{CauseAlreadyListed, "was on the list already; DNS and the certificate are checked next", "Nothing: the first check starts by itself.", "A sync found the name on the list.", ActorNone, false},
		{CauseListedWildcard, "on the list; a wildcard isn't checked", "Nothing.", "A sync handled the addition of a wildcard.", ActorNone, false},
		{CauseVerificationRequested, "a new verification was requested; DNS and the certificate are checked next", "Nothing: the first check starts by itself.",
			"An addition or an operator requested it.", ActorNone, false},
		{CauseNothingChanged, "asked for again: nothing changed", "Nothing.", "An addition of a listed domain changed nothing.", ActorNone, false},
		{CausePutBack, "put back {names}", "Nothing.", "A sync found names missing from the list.", ActorNone, false},
		{CauseNamesChanged, "its names on the list are now {names}", "Nothing.", "A sync added or removed one of the domain's names.", ActorNone, false},
		{CauseRemovedAgain, "removed again, since it was not requested: {names}", "Nothing. To have the names on the list, add their domain.",
			"A name that pilotsync had removed came back within a day, as after a late write.", ActorNone, false},
		{CauseRemoved, "taken off the list", "Nothing.", "A sync wrote the list.", ActorNone, false},
		{CauseKeptForAnother, "no longer mapped by itself; the name stays on the list for {name}", "Nothing.",
			"Another domain has the name as its www form.", ActorNone, false},
		{CauseWasNotListed, "was not on the list", "Nothing.", "A sync found nothing to remove.", ActorNone, false},

		{CauseListFull, "the app's list holds {count} names of at most {limit}; {name} would need {need} more",
			"Remove domains from the app, or map {name} on another app. Then add it again.",
			"The plan would exceed ServerPilot's limit.", ActorOperator, true},
		{CauseRefusedByServerPilot, "ServerPilot refused it: {message}", "Do what the message says, then add the domain again.",
			"ServerPilot refused a write in which only this domain changed, and accepted the list without it.", ActorOperator, true},
		{CauseNoLongerListed, "{name} is not on the list any more, so it was not imported", "To put it on the list, run: pilotsync enqueue add {name}.",
			"An import with if_listed found no such name.", ActorOperator, true},
		{CauseNameProtected, "{name} is protected (PILOTSYNC_PROTECTED): it is never taken off the list",
			"If it is to leave the list, take it out of PILOTSYNC_PROTECTED and remove the domain again.", "The setting names it.", ActorOperator, false},
	}

	verificationCauses = [...]Entry{
		{CauseNameNotCertifiable, "Let's Encrypt never certifies {name}: {rule}",
			"Map another name. Or install a certificate of your own on the app in ServerPilot.",
			"The name breaks a rule of Let's Encrypt, and shows no valid certificate.", ActorOperator, true},
		{CauseServerDisconnected, "the app's server has not been connected to ServerPilot since {since}",
			"Check that the server runs and that its ServerPilot agent reaches ServerPilot. Until then no change takes effect.",
			"The server's lastconn is older than ten minutes.", ActorOperator, true},
		{CauseCouldNotCheck, "could not be checked yet: {message}", "Nothing: pilotsync tries again by itself.",
			"ServerPilot did not answer what the verification needs to know.", ActorNone, true},
		{CauseNotOnList, "{name} is not on ServerPilot's list of app {app} right now[; {message}]",
			"If it lasts, see what holds up the syncs of app {app}: pilotsync apps.",
			"The list was read, and lacks a name that was written.", ActorNone, true},
		{CauseOnTwoApps, "{name} is on the list of app {app}, too; ServerPilot serves it from app {served}",
			"Remove {name} from the app that it doesn't belong to. Of two apps on a server, ServerPilot serves the one whose name comes first in the alphabet.",
			"Two apps of the account, on one server, have the name on their lists.", ActorOperator, true},

		{CauseDNSMissing, "{name} has no A or AAAA record in DNS[; this app is on {expected}]",
			"Create an address record of {name}[: {value}].",
			"DNS answered, and there is no address.", ActorOwner, true},
		{CauseDNSAliasDangling, "{name} is an alias (CNAME) of {target}, which leads to no address[; this app is on {expected}]",
			"Replace the CNAME record of {name} by an address record[: {value}].",
			"The name's CNAME record leads to no address, or in a circle.", ActorOwner, true},
		{CauseDNSElsewhere, "{name} points to {found}[; this app is on {expected}]",
			"Make {name} point to {value} and nowhere else. If a proxy or load balancer of yours has the address, the operator adds {found} to PILOTSYNC_EXPECTED_ADDRESSES, or to the app's own expected_addresses.",
			"The name has an address that is neither the server's nor in PILOTSYNC_EXPECTED_ADDRESSES.", ActorOwner, true},
		{CauseIPv6Elsewhere, "{name} has the IPv6 address {found}, which isn't this app's server; Let's Encrypt checks IPv6 first",
			"Delete the AAAA record {found} of {name}[, or change it to {ipv6}]. If the address belongs to the app's server, the operator adds {found} to PILOTSYNC_EXPECTED_ADDRESSES, or to the app's own expected_addresses.",
			"Another address is right, and all that aren't are IPv6.", ActorOwner, true},
		{CauseServerAddressUnknown, "{name} points to {found}; the address of this app's server isn't known",
			"Add the address of the app's server to PILOTSYNC_EXPECTED_ADDRESSES, or to the app's own expected_addresses.",
			"ServerPilot names no address for the server, and the setting is empty.", ActorOperator, true},
		{CauseDNSSECBogus, "the DNSSEC signatures of {name} are wrong, so many resolvers refuse its records[ ({message})]",
			"Repair the signatures of the zone, or delete its DS record at the registrar.",
			"The resolver answers SERVFAIL, and with the CD bit (RFC 4035) it answers for a zone with a DS record. Or it says so by an extended error (RFC 8914).", ActorOwner, true},
		{CauseDNSUnknown, "the DNS lookup of {name} failed[ ({message})], which doesn't mean that its records are wrong",
			"If it lasts, check that the domain's name servers answer.", "The resolver gave no usable answer.", ActorOwner, true},
		{CauseBehindProxy, "{name} is behind {provider}, and visitors see no valid certificate there[: {message}]",
			"Have {provider} install a certificate for {name}. If it shows the app's own, let requests below /.well-known/acme-challenge/ pass to the app's server[, {value}]. Or switch the proxy off for {name}.",
			"All addresses of the name are a proxy's (Cloudflare's published ranges, PILOTSYNC_PROXIES).", ActorOwner, true},
		{CauseOtherSite, "{name} is behind {provider}, and the site that answers there isn't of this network",
			"In the proxy's settings, set the origin of {name} to the app's server[, {value}].",
			"The site answers the challenge at /wp-json/pilotsync/v1/here with a signature of another network.", ActorOwner, true},
		{CauseCAAForbids, "the CAA record of {record} doesn't let Let's Encrypt certify {name}[; it allows only {issuers}]",
			"Add the CAA record 0 issue \"letsencrypt.org\" to {record}, or delete its CAA records.",
			"CAA records (RFC 8659) of the name or the nearest parent that has some.", ActorOwner, true},
		{CauseCAACritical, "{record} has a CAA record with the critical property {message}, which Let's Encrypt doesn't know, so it certifies nothing there",
			"Delete the CAA record with the property {message} of {record}.",
			"CAA records (RFC 8659) of the name or the nearest parent that has some.", ActorOwner, true},
		{CauseCAAUnknown, "the CAA records of {name} can't be read[ ({message})]; Let's Encrypt then issues nothing",
			"Check that the domain's name servers answer questions for CAA records.",
			"The resolver answers questions for addresses, but twice SERVFAIL for CAA.", ActorOwner, true},

		{CauseCertificateNotReady, "{name} points here, but ServerPilot has no certificate ready yet; issuing usually takes 5–15 minutes after DNS points here",
			"Nothing: ServerPilot requests the certificate by itself.", "autossl.available of ServerPilot's API is false.", ActorNone, true},
		{CauseCertificateUnknown, "{name} points here, but ServerPilot doesn't say whether it gets a certificate for it",
			"Check the SSL settings of app {app} in ServerPilot. If they don't offer AutoSSL, install a custom certificate that covers {name}.",
			"The answer of ServerPilot's API has no autossl.", ActorOperator, true},
		{CauseAutoSSLRefused, "{name} points here, but ServerPilot refused to turn AutoSSL on: {message}",
			"Do what the message says, for app {app} in ServerPilot.", "ServerPilot refused the call that enables AutoSSL.", ActorOperator, true},
		{CauseAutoSSLFailed, "{name} points here, but AutoSSL could not be turned on yet: {message}",
			"Nothing: pilotsync tries again by itself.", "The call that enables AutoSSL got no answer, 429 or an error of ServerPilot's own (5xx).", ActorNone, true},
		{CauseAutoSSLStarted, "{name} points here, but AutoSSL was turned on only just now",
			"Nothing: the certificate is installed within minutes.", "pilotsync enabled AutoSSL during this verification.", ActorNone, true},
		{CauseAutoSSLOff, "{name} points here, but AutoSSL is off",
			"Turn AutoSSL on for app {app} in ServerPilot, or let pilotsync do it (PILOTSYNC_AUTOSSL, or the app's own autossl). If the network has certificates of its own, install one for {name}.",
			"ssl.auto is false, and PILOTSYNC_AUTOSSL is off for the app.", ActorOperator, true},
		{CauseAutoSSLDryRun, "{name} points here, but AutoSSL is off, though a certificate is ready, and a dry run leaves it off",
			"End the dry run (PILOTSYNC_DRY_RUN), or turn AutoSSL on for app {app} in ServerPilot.",
			"ssl.auto is false, and the worker is in a dry run.", ActorOperator, true},
		{CauseCertificateDoesNotCover, "{name} points here, but the certificate that ServerPilot has ready doesn't cover it[ (it covers {names})]",
			"ServerPilot issues a new certificate by itself after the list changed. If it lasts, check the SSL settings of app {app} in ServerPilot.",
			"autossl.domains of ServerPilot's API lacks the name.", ActorOperator, true},
		{CauseCustomDoesNotCover, "{name} points here, but the app's custom certificate doesn't cover it[ (it covers {names})]",
			"As long as app {app} has a custom certificate, AutoSSL covers none of its domains. Replace it in ServerPilot by one that covers {name}, too. Or remove it: then no domain of the app has a certificate until AutoSSL is on.",
			"The app has a custom certificate, and the TLS handshake shows other names.", ActorOperator, true},
		{CauseCustomNotAccepted, "{name} points here, but browsers refuse the app's custom certificate: {message}",
			"Replace the custom certificate of app {app} in ServerPilot, or remove it so that AutoSSL can take over.",
			"The app has a custom certificate, and the TLS handshake fails with it.", ActorOperator, true},
		{CauseCertificateWrongName, "{name} points here, but the certificate at {address} is for other names[: {names}]",
			"Check the SSL settings of app {app} in ServerPilot.", "TLS handshake.", ActorOperator, true},
		{CauseCertificateExpired, "{name} points here, but the certificate at {address} expired on {until}[ ({issuer})]",
			"Check the SSL settings of app {app} in ServerPilot.", "TLS handshake.", ActorOperator, true},
		{CauseCertificateNotYetValid, "{name} points here, but the certificate at {address} isn't valid before {until}[ ({issuer})]",
			"Check the clock of the worker's machine. If it is right, install a certificate that is valid already.", "TLS handshake.", ActorOperator, true},
		{CauseCertificateUntrusted, "{name} points here, but browsers don't trust the certificate at {address}: {message}",
			"Check the SSL settings of app {app} in ServerPilot.", "TLS handshake.", ActorOperator, true},
		{CauseAddressNotPublic, "{name} was not connected to: {message}",
			"If that is meant to be, set PILOTSYNC_ALLOW_PRIVATE_ADDRESSES=on. Otherwise give {name} a public address.",
			"The address is in a range that is reserved (IANA's special-purpose registries).", ActorOperator, true},
		{CauseServerUnreachable, "{name} points here, but {message}",
			"Check that the server runs, that its firewall lets HTTPS through, and that the worker's machine has a route to it.", "TCP connection to port 443.", ActorOperator, true},
		{CauseNoTLS, "{name} points here, but {message}", "Check the web server's configuration of app {app}.", "TLS handshake.", ActorOperator, true},
		{CauseHandshakeFailed, "{name} points here, but {message}", "Check the SSL settings of app {app} in ServerPilot.", "TLS handshake.", ActorOperator, true},

		{CauseCertificateExpiring, "the certificate of {name} ends on {until} and was not renewed yet",
			"Check the SSL settings of app {app} in ServerPilot.",
			"Less than a quarter of the certificate's lifetime is left; renewal is due at a third.", ActorOperator, true},
		{CauseCustomCertificateExpiring, "the certificate of {name} ends on {until}, and AutoSSL doesn't renew it",
			"Install a newer certificate on app {app} in ServerPilot, or let AutoSSL take over: remove the custom certificate and turn AutoSSL on.",
			"Less than a quarter of the certificate's lifetime is left, and the app has a custom certificate, or PILOTSYNC_AUTOSSL keeps AutoSSL off.", ActorOperator, true},
		{CauseProxyCertificateExpiring, "the certificate that {provider} shows for {name} ends on {until} and was not renewed yet",
			"Check the certificate of {name} in the settings of {provider}, which should renew it. If it was uploaded there, upload a newer one.",
			"Less than a quarter of the certificate's lifetime is left, and all addresses of the name are a proxy's.", ActorOwner, true},
		{CauseWorks, "certificate valid[ until {until}][ ({issuer})][, seen behind {provider}]", "Nothing.", "A TLS handshake as a browser makes it.", ActorNone, false},
	}

	checkCauses = [...]Entry{
		{CauseOnAnotherApp, "{name} is on the list of app {app} already",
			"Remove it from app {app} first: of two apps on a server, ServerPilot serves the one whose name comes first in the alphabet.",
			"pilotsync check found the name on the list of another app of these settings.", ActorOperator, true},
		{CauseCustomCertificate, "{name} points here, and works only if the custom certificate of app {app} covers it",
			"Check that the certificate covers {name}: as long as it is there, AutoSSL covers none of the app's domains. Or remove it in ServerPilot: then no domain of the app has a certificate until AutoSSL is on.",
			"pilotsync check found a custom certificate on the app, and the name isn't on its list yet.", ActorOperator, true},
		{CauseWouldWork, "{name} would work: it points here, and nothing forbids a certificate",
			"Add the domain if it isn't mapped yet. ServerPilot then requests the certificate by itself.",
			"pilotsync check found DNS right, no CAA record that forbids a certificate, and room on the list.", ActorNone, false},
		{CauseOriginUnknown, "{name} is behind {provider}, where visitors see a valid certificate; whether the site there is this app's shows only once the domain is added",
			"In the proxy's settings, see that the origin of {name} is the app's server[, {value}]. Then add the domain if it isn't mapped yet.",
			"pilotsync check found a proxy before a name that isn't on the list. Only the site of a listed name is asked who it is.", ActorNone, false},
		{CauseCheckFailed, "{name} could not be checked: {message}",
			"Check it again in a minute. If it lasts, do what the message says.",
			"A worker was asked to check the name, and ServerPilot or Redis did not answer what it needs to know.", ActorOperator, true},
	}
)
