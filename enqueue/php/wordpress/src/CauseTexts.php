<?php
/**
 * The catalogue of causes in the user's language. Generated from tasks/causes.go by make docs; don't edit.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

/** The texts of Pilotsync\Causes, translated. */
final class CauseTexts {

	/**
	 * The sentence and the remedy of a code; empty if it isn't known.
	 *
	 * @return array{string, string}
	 */
	public static function of( string $code ): array {
		switch ( $code ) {
			case 'AdditionRequested':
				return array(
					__( 'asked to be put on the list', 'pilotsync' ),
					__( 'Nothing: the next sync of the app handles it.', 'pilotsync' ),
				);
			case 'RemovalRequested':
				return array(
					__( 'asked to be taken off the list', 'pilotsync' ),
					__( 'Nothing: the next sync of the app handles it.', 'pilotsync' ),
				);
			case 'WaitsToBeListed':
				return array(
					__( 'waits to be put on the list', 'pilotsync' ),
					__( 'Nothing: the next sync of the app handles it.', 'pilotsync' ),
				);
			case 'WaitsToBeRemoved':
				return array(
					__( 'waits to be taken off the list', 'pilotsync' ),
					__( 'Nothing: the next sync of the app handles it.', 'pilotsync' ),
				);
			case 'AppPaused':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'waits: the app was paused by {by}', 'pilotsync' ),
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'Resume the app, on its page or with \'pilotsync resume --app={app}\'. Its changes wait until then; none is lost.', 'pilotsync' ),
				);
			case 'AppFailing':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'waits: {message}', 'pilotsync' ),
					__( 'Nothing yet: syncs of the app are retried, and its changes wait. If it lasts, see the worker\'s log.', 'pilotsync' ),
				);
			case 'AppBlocked':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'waits: {message}', 'pilotsync' ),
					__( 'Remove this cause, which blocks the app. Its changes then continue by themselves; none is lost.', 'pilotsync' ),
				);
			case 'ActionFailed':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'ServerPilot\'s action {message} for the last change of app {app}\'s list ended with errors', 'pilotsync' ),
					__( 'See whether the app\'s domains work. If one doesn\'t, save the app\'s domains in ServerPilot once more. pilotsync doesn\'t write them again because of this.', 'pilotsync' ),
				);
			case 'DryRun':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'dry run: {would}', 'pilotsync' ),
					__( 'A dry run writes nothing. A worker without PILOTSYNC_DRY_RUN makes the change.', 'pilotsync' ),
				);
			case 'Superseded':
				return array(
					__( 'no effect: a later change of the domain was recorded before it', 'pilotsync' ),
					__( 'Nothing, if the later change is right. Otherwise request this one again.', 'pilotsync' ),
				);
			case 'Listed':
				return array(
					__( 'put on the list; DNS and the certificate are checked next', 'pilotsync' ),
					__( 'Nothing: the first check starts by itself.', 'pilotsync' ),
				);
			case 'AlreadyListed':
				return array(
					__( 'was on the list already; DNS and the certificate are checked next', 'pilotsync' ),
					__( 'Nothing: the first check starts by itself.', 'pilotsync' ),
				);
			case 'ListedWildcard':
				return array(
					__( 'on the list; a wildcard isn\'t checked', 'pilotsync' ),
					__( 'Nothing.', 'pilotsync' ),
				);
			case 'VerificationRequested':
				return array(
					__( 'a new verification was requested; DNS and the certificate are checked next', 'pilotsync' ),
					__( 'Nothing: the first check starts by itself.', 'pilotsync' ),
				);
			case 'NothingChanged':
				return array(
					__( 'asked for again: nothing changed', 'pilotsync' ),
					__( 'Nothing.', 'pilotsync' ),
				);
			case 'PutBack':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'put back {names}', 'pilotsync' ),
					__( 'Nothing.', 'pilotsync' ),
				);
			case 'NamesChanged':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'its names on the list are now {names}', 'pilotsync' ),
					__( 'Nothing.', 'pilotsync' ),
				);
			case 'RemovedAgain':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'removed again, since it was not requested: {names}', 'pilotsync' ),
					__( 'Nothing. To have the names on the list, add their domain.', 'pilotsync' ),
				);
			case 'Removed':
				return array(
					__( 'taken off the list', 'pilotsync' ),
					__( 'Nothing.', 'pilotsync' ),
				);
			case 'KeptForAnother':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'no longer mapped by itself; the name stays on the list for {name}', 'pilotsync' ),
					__( 'Nothing.', 'pilotsync' ),
				);
			case 'WasNotListed':
				return array(
					__( 'was not on the list', 'pilotsync' ),
					__( 'Nothing.', 'pilotsync' ),
				);
			case 'ListFull':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'the app\'s list holds {count} names of at most {limit}; {name} would need {need} more', 'pilotsync' ),
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'Remove domains from the app, or map {name} on another app. Then add it again.', 'pilotsync' ),
				);
			case 'RefusedByServerPilot':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'ServerPilot refused it: {message}', 'pilotsync' ),
					__( 'Do what the message says, then add the domain again.', 'pilotsync' ),
				);
			case 'NoLongerListed':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( '{name} is not on the list any more, so it was not imported', 'pilotsync' ),
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'To put it on the list, run: pilotsync enqueue add {name}.', 'pilotsync' ),
				);
			case 'NameProtected':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( '{name} is protected (PILOTSYNC_PROTECTED): it is never taken off the list', 'pilotsync' ),
					__( 'If it is to leave the list, take it out of PILOTSYNC_PROTECTED and remove the domain again.', 'pilotsync' ),
				);
			case 'NameNotCertifiable':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'Let\'s Encrypt never certifies {name}: {rule}', 'pilotsync' ),
					__( 'Map another name. Or install a certificate of your own on the app in ServerPilot.', 'pilotsync' ),
				);
			case 'ServerDisconnected':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'the app\'s server has not been connected to ServerPilot since {since}', 'pilotsync' ),
					__( 'Check that the server runs and that its ServerPilot agent reaches ServerPilot. Until then no change takes effect.', 'pilotsync' ),
				);
			case 'CouldNotCheck':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'could not be checked yet: {message}', 'pilotsync' ),
					__( 'Nothing: pilotsync tries again by itself.', 'pilotsync' ),
				);
			case 'NotOnList':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( '{name} is not on ServerPilot\'s list of app {app} right now[; {message}]', 'pilotsync' ),
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'If it lasts, see what holds up the syncs of app {app}: pilotsync apps.', 'pilotsync' ),
				);
			case 'OnTwoApps':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( '{name} is on the list of app {app}, too; ServerPilot serves it from app {served}', 'pilotsync' ),
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'Remove {name} from the app that it doesn\'t belong to. Of two apps on a server, ServerPilot serves the one whose name comes first in the alphabet.', 'pilotsync' ),
				);
			case 'DNSMissing':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( '{name} has no A or AAAA record in DNS[; this app is on {expected}]', 'pilotsync' ),
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'Create an address record of {name}[: {value}].', 'pilotsync' ),
				);
			case 'DNSAliasDangling':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( '{name} is an alias (CNAME) of {target}, which leads to no address[; this app is on {expected}]', 'pilotsync' ),
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'Replace the CNAME record of {name} by an address record[: {value}].', 'pilotsync' ),
				);
			case 'DNSElsewhere':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( '{name} points to {found}[; this app is on {expected}]', 'pilotsync' ),
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'Make {name} point to {value} and nowhere else. If a proxy or load balancer of yours has the address, the operator adds {found} to PILOTSYNC_EXPECTED_ADDRESSES, or to the app\'s own expected_addresses.', 'pilotsync' ),
				);
			case 'IPv6Elsewhere':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( '{name} has the IPv6 address {found}, which isn\'t this app\'s server; Let\'s Encrypt checks IPv6 first', 'pilotsync' ),
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'Delete the AAAA record {found} of {name}[, or change it to {ipv6}]. If the address belongs to the app\'s server, the operator adds {found} to PILOTSYNC_EXPECTED_ADDRESSES, or to the app\'s own expected_addresses.', 'pilotsync' ),
				);
			case 'ServerAddressUnknown':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( '{name} points to {found}; the address of this app\'s server isn\'t known', 'pilotsync' ),
					__( 'Add the address of the app\'s server to PILOTSYNC_EXPECTED_ADDRESSES, or to the app\'s own expected_addresses.', 'pilotsync' ),
				);
			case 'DNSSECBogus':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'the DNSSEC signatures of {name} are wrong, so many resolvers refuse its records[ ({message})]', 'pilotsync' ),
					__( 'Repair the signatures of the zone, or delete its DS record at the registrar.', 'pilotsync' ),
				);
			case 'DNSUnknown':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'the DNS lookup of {name} failed[ ({message})], which doesn\'t mean that its records are wrong', 'pilotsync' ),
					__( 'If it lasts, check that the domain\'s name servers answer.', 'pilotsync' ),
				);
			case 'BehindProxy':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( '{name} is behind {provider}, and visitors see no valid certificate there[: {message}]', 'pilotsync' ),
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'Have {provider} install a certificate for {name}. If it shows the app\'s own, let requests below /.well-known/acme-challenge/ pass to the app\'s server[, {value}]. Or switch the proxy off for {name}.', 'pilotsync' ),
				);
			case 'OtherSite':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( '{name} is behind {provider}, and the site that answers there isn\'t of this network', 'pilotsync' ),
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'In the proxy\'s settings, set the origin of {name} to the app\'s server[, {value}].', 'pilotsync' ),
				);
			case 'CAAForbids':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'the CAA record of {record} doesn\'t let Let\'s Encrypt certify {name}[; it allows only {issuers}]', 'pilotsync' ),
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'Add the CAA record 0 issue "letsencrypt.org" to {record}, or delete its CAA records.', 'pilotsync' ),
				);
			case 'CAACritical':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( '{record} has a CAA record with the critical property {message}, which Let\'s Encrypt doesn\'t know, so it certifies nothing there', 'pilotsync' ),
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'Delete the CAA record with the property {message} of {record}.', 'pilotsync' ),
				);
			case 'CAAUnknown':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'the CAA records of {name} can\'t be read[ ({message})]; Let\'s Encrypt then issues nothing', 'pilotsync' ),
					__( 'Check that the domain\'s name servers answer questions for CAA records.', 'pilotsync' ),
				);
			case 'CertificateNotReady':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( '{name} points here, but ServerPilot has no certificate ready yet; issuing usually takes 5–15 minutes after DNS points here', 'pilotsync' ),
					__( 'Nothing: ServerPilot requests the certificate by itself.', 'pilotsync' ),
				);
			case 'CertificateUnknown':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( '{name} points here, but ServerPilot doesn\'t say whether it gets a certificate for it', 'pilotsync' ),
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'Check the SSL settings of app {app} in ServerPilot. If they don\'t offer AutoSSL, install a custom certificate that covers {name}.', 'pilotsync' ),
				);
			case 'AutoSSLRefused':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( '{name} points here, but ServerPilot refused to turn AutoSSL on: {message}', 'pilotsync' ),
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'Do what the message says, for app {app} in ServerPilot.', 'pilotsync' ),
				);
			case 'AutoSSLFailed':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( '{name} points here, but AutoSSL could not be turned on yet: {message}', 'pilotsync' ),
					__( 'Nothing: pilotsync tries again by itself.', 'pilotsync' ),
				);
			case 'AutoSSLStarted':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( '{name} points here, but AutoSSL was turned on only just now', 'pilotsync' ),
					__( 'Nothing: the certificate is installed within minutes.', 'pilotsync' ),
				);
			case 'AutoSSLOff':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( '{name} points here, but AutoSSL is off', 'pilotsync' ),
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'Turn AutoSSL on for app {app} in ServerPilot, or let pilotsync do it (PILOTSYNC_AUTOSSL, or the app\'s own autossl). If the network has certificates of its own, install one for {name}.', 'pilotsync' ),
				);
			case 'AutoSSLDryRun':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( '{name} points here, but AutoSSL is off, though a certificate is ready, and a dry run leaves it off', 'pilotsync' ),
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'End the dry run (PILOTSYNC_DRY_RUN), or turn AutoSSL on for app {app} in ServerPilot.', 'pilotsync' ),
				);
			case 'CertificateDoesNotCover':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( '{name} points here, but the certificate that ServerPilot has ready doesn\'t cover it[ (it covers {names})]', 'pilotsync' ),
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'ServerPilot issues a new certificate by itself after the list changed. If it lasts, check the SSL settings of app {app} in ServerPilot.', 'pilotsync' ),
				);
			case 'CustomDoesNotCover':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( '{name} points here, but the app\'s custom certificate doesn\'t cover it[ (it covers {names})]', 'pilotsync' ),
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'As long as app {app} has a custom certificate, AutoSSL covers none of its domains. Replace it in ServerPilot by one that covers {name}, too. Or remove it: then no domain of the app has a certificate until AutoSSL is on.', 'pilotsync' ),
				);
			case 'CustomNotAccepted':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( '{name} points here, but browsers refuse the app\'s custom certificate: {message}', 'pilotsync' ),
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'Replace the custom certificate of app {app} in ServerPilot, or remove it so that AutoSSL can take over.', 'pilotsync' ),
				);
			case 'CertificateWrongName':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( '{name} points here, but the certificate at {address} is for other names[: {names}]', 'pilotsync' ),
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'Check the SSL settings of app {app} in ServerPilot.', 'pilotsync' ),
				);
			case 'CertificateExpired':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( '{name} points here, but the certificate at {address} expired on {until}[ ({issuer})]', 'pilotsync' ),
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'Check the SSL settings of app {app} in ServerPilot.', 'pilotsync' ),
				);
			case 'CertificateNotYetValid':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( '{name} points here, but the certificate at {address} isn\'t valid before {until}[ ({issuer})]', 'pilotsync' ),
					__( 'Check the clock of the worker\'s machine. If it is right, install a certificate that is valid already.', 'pilotsync' ),
				);
			case 'CertificateUntrusted':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( '{name} points here, but browsers don\'t trust the certificate at {address}: {message}', 'pilotsync' ),
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'Check the SSL settings of app {app} in ServerPilot.', 'pilotsync' ),
				);
			case 'AddressNotPublic':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( '{name} was not connected to: {message}', 'pilotsync' ),
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'If that is meant to be, set PILOTSYNC_ALLOW_PRIVATE_ADDRESSES=on. Otherwise give {name} a public address.', 'pilotsync' ),
				);
			case 'ServerUnreachable':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( '{name} points here, but {message}', 'pilotsync' ),
					__( 'Check that the server runs, that its firewall lets HTTPS through, and that the worker\'s machine has a route to it.', 'pilotsync' ),
				);
			case 'NoTLS':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( '{name} points here, but {message}', 'pilotsync' ),
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'Check the web server\'s configuration of app {app}.', 'pilotsync' ),
				);
			case 'HandshakeFailed':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( '{name} points here, but {message}', 'pilotsync' ),
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'Check the SSL settings of app {app} in ServerPilot.', 'pilotsync' ),
				);
			case 'CertificateExpiring':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'the certificate of {name} ends on {until} and was not renewed yet', 'pilotsync' ),
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'Check the SSL settings of app {app} in ServerPilot.', 'pilotsync' ),
				);
			case 'CustomCertificateExpiring':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'the certificate of {name} ends on {until}, and AutoSSL doesn\'t renew it', 'pilotsync' ),
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'Install a newer certificate on app {app} in ServerPilot, or let AutoSSL take over: remove the custom certificate and turn AutoSSL on.', 'pilotsync' ),
				);
			case 'ProxyCertificateExpiring':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'the certificate that {provider} shows for {name} ends on {until} and was not renewed yet', 'pilotsync' ),
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'Check the certificate of {name} in the settings of {provider}, which should renew it. If it was uploaded there, upload a newer one.', 'pilotsync' ),
				);
			case 'Works':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'certificate valid[ until {until}][ ({issuer})][, seen behind {provider}]', 'pilotsync' ),
					__( 'Nothing.', 'pilotsync' ),
				);
			case 'OnAnotherApp':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( '{name} is on the list of app {app} already', 'pilotsync' ),
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'Remove it from app {app} first: of two apps on a server, ServerPilot serves the one whose name comes first in the alphabet.', 'pilotsync' ),
				);
			case 'CustomCertificate':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( '{name} points here, and works only if the custom certificate of app {app} covers it', 'pilotsync' ),
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'Check that the certificate covers {name}: as long as it is there, AutoSSL covers none of the app\'s domains. Or remove it in ServerPilot: then no domain of the app has a certificate until AutoSSL is on.', 'pilotsync' ),
				);
			case 'WouldWork':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( '{name} would work: it points here, and nothing forbids a certificate', 'pilotsync' ),
					__( 'Add the domain if it isn\'t mapped yet. ServerPilot then requests the certificate by itself.', 'pilotsync' ),
				);
			case 'OriginUnknown':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( '{name} is behind {provider}, where visitors see a valid certificate; whether the site there is this app\'s shows only once the domain is added', 'pilotsync' ),
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( 'In the proxy\'s settings, see that the origin of {name} is the app\'s server[, {value}]. Then add the domain if it isn\'t mapped yet.', 'pilotsync' ),
				);
			case 'CheckFailed':
				return array(
					/* translators: keep what is in {braces}; a part in [brackets] is left out if it isn't known */
					__( '{name} could not be checked: {message}', 'pilotsync' ),
					__( 'Check it again in a minute. If it lasts, do what the message says.', 'pilotsync' ),
				);
		}
		return array( '', '' );
	}

	/**
	 * The text of each rule.
	 *
	 * @return array<string, string>
	 */
	public static function rules(): array {
		return array(
			'wildcard' => __( 'a wildcard needs a check over DNS, and ServerPilot\'s certificates are checked over HTTP', 'pilotsync' ),
			'hyphens' => __( 'a label has hyphens in the third and fourth place, and isn\'t an internationalized name (xn--)', 'pilotsync' ),
			'labels' => __( 'a name may have at most 10 labels', 'pilotsync' ),
			'length' => __( 'a name may have at most 253 bytes, and each label 63', 'pilotsync' ),
			'public-suffix' => __( 'it isn\'t below a public suffix, such as .com', 'pilotsync' ),
		);
	}
}
