<?php

declare(strict_types=1);

namespace Pilotsync;

/** The catalogue of causes. Generated from tasks/causes.go by make docs; don't edit. */
final class Causes
{
    /** Of each code: sentence, remedy, who acts, and whether the name doesn't work, or won't soon. */
    public const ALL = [
        'AdditionRequested' => ['asked to be put on the list', 'Nothing: the next sync of the app handles it.', 'nobody', false],
        'RemovalRequested' => ['asked to be taken off the list', 'Nothing: the next sync of the app handles it.', 'nobody', false],
        'WaitsToBeListed' => ['waits to be put on the list', 'Nothing: the next sync of the app handles it.', 'nobody', false],
        'WaitsToBeRemoved' => ['waits to be taken off the list', 'Nothing: the next sync of the app handles it.', 'nobody', false],
        'AppPaused' => ['waits: the app was paused by {by}', 'Resume the app, on its page or with \'pilotsync resume --app={app}\'. Its changes wait until then; none is lost.', 'operator', false],
        'AppFailing' => ['waits: {message}', 'Nothing yet: syncs of the app are retried, and its changes wait. If it lasts, see the worker\'s log.', 'nobody', false],
        'AppBlocked' => ['waits: {message}', 'Remove this cause, which blocks the app. Its changes then continue by themselves; none is lost.', 'operator', false],
        'DryRun' => ['dry run: {would}', 'A dry run writes nothing. A worker without PILOTSYNC_DRY_RUN makes the change.', 'operator', false],
        'Listed' => ['put on the list; DNS and the certificate are checked next', 'Nothing: the first check starts by itself.', 'nobody', false],
        'AlreadyListed' => ['was on the list already; DNS and the certificate are checked next', 'Nothing: the first check starts by itself.', 'nobody', false],
        'ListedWildcard' => ['on the list; a wildcard isn\'t checked', 'Nothing.', 'nobody', false],
        'VerificationRequested' => ['a new verification was requested; DNS and the certificate are checked next', 'Nothing: the first check starts by itself.', 'nobody', false],
        'NothingChanged' => ['asked for again: nothing changed', 'Nothing.', 'nobody', false],
        'PutBack' => ['put back {names}', 'Nothing.', 'nobody', false],
        'NamesChanged' => ['its names on the list are now {names}', 'Nothing.', 'nobody', false],
        'RemovedAgain' => ['removed again, since it was not requested: {names}', 'Nothing. To have the names on the list, add their domain.', 'nobody', false],
        'Removed' => ['taken off the list', 'Nothing.', 'nobody', false],
        'KeptForAnother' => ['no longer mapped by itself; the name stays on the list for {name}', 'Nothing.', 'nobody', false],
        'WasNotListed' => ['was not on the list', 'Nothing.', 'nobody', false],
        'ListFull' => ['the app\'s list holds {count} names of at most {limit}; {name} would need {need} more', 'Remove domains from the app, or map {name} on another app. Then add it again.', 'operator', true],
        'RefusedByServerPilot' => ['ServerPilot refused it: {message}', 'Do what the message says, then add the domain again.', 'operator', true],
        'NoLongerListed' => ['{name} is not on the list any more, so it was not adopted', 'To put it on the list, run: pilotsync enqueue add {name}.', 'operator', true],
        'NameProtected' => ['{name} is protected (PILOTSYNC_PROTECTED): it is never taken off the list', 'If it is to leave the list, take it out of PILOTSYNC_PROTECTED and remove the domain again.', 'operator', false],
        'NameNotCertifiable' => ['Let\'s Encrypt never certifies {name}: {rule}', 'Map another name. Or install a certificate of your own on the app in ServerPilot.', 'operator', true],
        'ServerDisconnected' => ['the app\'s server has not been connected to ServerPilot since {since}', 'Check that the server runs and that its ServerPilot agent reaches ServerPilot. Until then no change takes effect.', 'operator', true],
        'CouldNotCheck' => ['could not be checked yet: {message}', 'Nothing: pilotsync tries again by itself.', 'nobody', true],
        'NotOnList' => ['{name} is not on ServerPilot\'s list of app {app} right now[; {message}]', 'If it lasts, see what holds up the syncs of app {app}: pilotsync apps.', 'nobody', true],
        'DNSMissing' => ['{name} has no A or AAAA record in DNS[; this app is on {expected}]', 'Create an address record of {name}[: {value}].', 'owner', true],
        'DNSAliasDangling' => ['{name} is an alias (CNAME) of {target}, which leads to no address[; this app is on {expected}]', 'Replace the CNAME record of {name} by an address record[: {value}].', 'owner', true],
        'DNSElsewhere' => ['{name} points to {found}[; this app is on {expected}]', 'Make {name} point to {value} and nowhere else. If a proxy or load balancer of yours has the address, the operator adds {found} to PILOTSYNC_EXPECTED_ADDRESSES.', 'owner', true],
        'IPv6Elsewhere' => ['{name} has the IPv6 address {found}, which isn\'t this app\'s server; Let\'s Encrypt checks IPv6 first', 'Delete the AAAA record {found} of {name}[, or change it to {ipv6}]. If the address belongs to the app\'s server, the operator adds {found} to PILOTSYNC_EXPECTED_ADDRESSES.', 'owner', true],
        'ServerAddressUnknown' => ['{name} points to {found}; the address of this app\'s server isn\'t known', 'Add the address of the app\'s server to PILOTSYNC_EXPECTED_ADDRESSES.', 'operator', true],
        'DNSSECBogus' => ['the DNSSEC signatures of {name} are wrong, so many resolvers refuse its records[ ({message})]', 'Repair the signatures of the zone, or delete its DS record at the registrar.', 'owner', true],
        'DNSUnknown' => ['the DNS lookup of {name} failed[ ({message})], which doesn\'t mean that its records are wrong', 'If it lasts, check that the domain\'s name servers answer.', 'owner', true],
        'BehindProxy' => ['{name} is behind {provider}, and visitors see no valid certificate there[: {message}]', 'Have {provider} install a certificate for {name}. If it shows the app\'s own, let requests below /.well-known/acme-challenge/ pass to the app\'s server[, {value}]. Or switch the proxy off for {name}.', 'owner', true],
        'OtherSite' => ['{name} is behind {provider}, and the site that answers there isn\'t of this network', 'In the proxy\'s settings, set the origin of {name} to the app\'s server[, {value}].', 'owner', true],
        'CAAForbids' => ['the CAA record of {record} doesn\'t let Let\'s Encrypt certify {name}[; it allows only {issuers}]', 'Add the CAA record 0 issue "letsencrypt.org" to {record}, or delete its CAA records.', 'owner', true],
        'CAACritical' => ['{record} has a CAA record with the critical property {message}, which Let\'s Encrypt doesn\'t know, so it certifies nothing there', 'Delete the CAA record with the property {message} of {record}.', 'owner', true],
        'CAAUnknown' => ['the CAA records of {name} can\'t be read[ ({message})]; Let\'s Encrypt then issues nothing', 'Check that the domain\'s name servers answer questions for CAA records.', 'owner', true],
        'CertificateNotReady' => ['{name} points here, but ServerPilot has no certificate ready yet; issuing usually takes 5–15 minutes after DNS points here', 'Nothing: ServerPilot requests the certificate by itself.', 'nobody', true],
        'AutoSSLRefused' => ['{name} points here, but ServerPilot refused to turn AutoSSL on: {message}', 'Do what the message says, for app {app} in ServerPilot.', 'operator', true],
        'AutoSSLFailed' => ['{name} points here, but AutoSSL could not be turned on yet: {message}', 'Nothing: pilotsync tries again by itself.', 'nobody', true],
        'AutoSSLStarted' => ['{name} points here, but AutoSSL was turned on only just now', 'Nothing: the certificate is installed within minutes.', 'nobody', true],
        'AutoSSLOff' => ['{name} points here, but AutoSSL is off', 'Turn AutoSSL on for app {app} in ServerPilot, or let pilotsync do it (PILOTSYNC_AUTOSSL). If the network has certificates of its own, install one for {name}.', 'operator', true],
        'AutoSSLDryRun' => ['{name} points here, but AutoSSL is off, though a certificate is ready, and a dry run leaves it off', 'End the dry run (PILOTSYNC_DRY_RUN), or turn AutoSSL on for app {app} in ServerPilot.', 'operator', true],
        'CertificateDoesNotCover' => ['{name} points here, but the certificate that ServerPilot has ready doesn\'t cover it[ (it covers {names})]', 'ServerPilot issues a new certificate by itself after the list changed. If it lasts, check the SSL settings of app {app} in ServerPilot.', 'operator', true],
        'CustomDoesNotCover' => ['{name} points here, but the app\'s custom certificate doesn\'t cover it[ (it covers {names})]', 'Install a certificate that covers {name} on app {app} in ServerPilot, or remove the custom one so that AutoSSL can take over.', 'operator', true],
        'CustomNotAccepted' => ['{name} points here, but browsers refuse the app\'s custom certificate: {message}', 'Replace the custom certificate of app {app} in ServerPilot, or remove it so that AutoSSL can take over.', 'operator', true],
        'CertificateWrongName' => ['{name} points here, but the certificate at {address} is for other names[: {names}]', 'Check the SSL settings of app {app} in ServerPilot.', 'operator', true],
        'CertificateExpired' => ['{name} points here, but the certificate at {address} expired on {until}[ ({issuer})]', 'Check the SSL settings of app {app} in ServerPilot.', 'operator', true],
        'CertificateNotYetValid' => ['{name} points here, but the certificate at {address} isn\'t valid before {until}[ ({issuer})]', 'Check the clock of the worker\'s machine. If it is right, install a certificate that is valid already.', 'operator', true],
        'CertificateUntrusted' => ['{name} points here, but browsers don\'t trust the certificate at {address}: {message}', 'Check the SSL settings of app {app} in ServerPilot.', 'operator', true],
        'AddressNotPublic' => ['{name} was not connected to: {message}', 'If that is meant to be, set PILOTSYNC_ALLOW_PRIVATE_ADDRESSES=on. Otherwise give {name} a public address.', 'operator', true],
        'ServerUnreachable' => ['{name} points here, but {message}', 'Check that the server runs, that its firewall lets HTTPS through, and that the worker\'s machine has a route to it.', 'operator', true],
        'NoTLS' => ['{name} points here, but {message}', 'Check the web server\'s configuration of app {app}.', 'operator', true],
        'HandshakeFailed' => ['{name} points here, but {message}', 'Check the SSL settings of app {app} in ServerPilot.', 'operator', true],
        'CertificateExpiring' => ['the certificate of {name} ends on {until} and was not renewed yet', 'Check the SSL settings of app {app} in ServerPilot.', 'operator', true],
        'Works' => ['certificate valid[ until {until}][ ({issuer})][, seen behind {provider}]', 'Nothing.', 'nobody', false],
        'OnAnotherApp' => ['{name} is on the list of app {app} already', 'Remove it from app {app} first: of two apps on a server, ServerPilot serves the one whose name comes first in the alphabet.', 'operator', true],
        'CustomCertificate' => ['{name} points here, and works only if the custom certificate of app {app} covers it', 'Check that the certificate covers {name}. Or remove it from app {app} in ServerPilot, so that AutoSSL can take over.', 'operator', true],
        'WouldWork' => ['{name} would work: it points here, and nothing forbids a certificate', 'Add the domain if it isn\'t mapped yet. ServerPilot then requests the certificate by itself.', 'nobody', false],
        'CheckFailed' => ['{name} could not be checked: {message}', 'Check it again in a minute. If it lasts, do what the message says.', 'operator', true],
    ];

    /** The text of each rule. */
    public const RULES = [
        'wildcard' => 'a wildcard needs a check over DNS, and ServerPilot\'s certificates are checked over HTTP',
        'hyphens' => 'a label has hyphens in the third and fourth place, and isn\'t an internationalized name (xn--)',
        'labels' => 'a name may have at most 10 labels',
        'length' => 'a name may have at most 253 bytes, and each label 63',
        'public-suffix' => 'it isn\'t below a public suffix, such as .com',
    ];

    /** The kind of each parameter. */
    public const PARAMS = [
        'name' => 'text',
        'app' => 'text',
        'names' => 'texts',
        'found' => 'texts',
        'expected' => 'texts',
        'target' => 'text',
        'provider' => 'text',
        'record' => 'text',
        'issuers' => 'texts',
        'rule' => 'rule',
        'address' => 'text',
        'issuer' => 'text',
        'until' => 'date',
        'since' => 'time',
        'message' => 'text',
        'by' => 'text',
        'would' => 'text',
        'count' => 'number',
        'need' => 'number',
        'limit' => 'number',
    ];
}
