<?php
/**
 * Descriptions of a domain's problems for people.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

use Pilotsync\Cause;

/** Turns pilotsync's results into sentences in the user's language. It returns plain text, not escaped. */
final class Sentences {

	/** Codes of names whose DNS is right, and whose certificate is on its way. */
	const ISSUING = array( 'CertificateNotReady', 'AutoSSLStarted' );

	/** Codes of names whose DNS is right, and whose certificate or server needs the operator. */
	const NO_CERTIFICATE = array( 'CertificateUnknown', 'AutoSSLRefused', 'AutoSSLOff', 'AutoSSLDryRun', 'CertificateDoesNotCover', 'CustomDoesNotCover', 'CustomNotAccepted', 'CertificateWrongName', 'CertificateExpired', 'CertificateNotYetValid', 'CertificateUntrusted', 'ServerUnreachable', 'NoTLS', 'HandshakeFailed' );

	/** Codes of names that work, and need the operator all the same. */
	const FOR_OPERATORS = array( 'CertificateExpiring', 'CustomCertificateExpiring', 'OnTwoApps' );

	/** Codes of names that pilotsync is still working on. */
	const SETTING_UP = array( 'CouldNotCheck', 'NotOnList', 'AutoSSLFailed' );

	/**
	 * The sentences for a customer about a domain.
	 *
	 * @param DomainStatus $status Its status.
	 * @param bool     $served   Whether its site is served.
	 * @return string[] Sentences; none if the domain works.
	 */
	public static function for_customer( DomainStatus $status, bool $served ): array {
		switch ( $status->state ) {
			case 'pending': // The reason is about the app and isn't for customers.
				return $served ? array() : array( __( 'This domain is being set up.', 'pilotsync' ) );
			case 'rejected':
				/* translators: %s: why */
				return array( sprintf( __( 'This domain could not be set up: %s', 'pilotsync' ), self::texts( $status->cause, $status->reason )[0] ) );
			case 'removed':
				return array( __( 'This domain was removed from the server. Please contact the support of this network.', 'pilotsync' ) );
		}
		$sentences = array_values( array_unique( array_filter( array_map( array( self::class, 'problem' ), $status->problems ) ) ) );
		if ( $sentences || 'done' === $status->state ) {
			return $sentences;
		}
		if ( in_array( $status->state, array( 'checking-dns', 'checking-ssl-cert' ), true ) ) {
			return array( __( 'The DNS records of this domain are being checked.', 'pilotsync' ) );
		}
		return array( self::unknown( '' ) );
	}

	/**
	 * The cause and the remedy for an administrator. The remedy is empty if there is nothing to do.
	 *
	 * @param DomainStatus $status The domain's status.
	 * @return array{string, string} Clauses without a full stop, and full sentences.
	 */
	public static function for_operator( DomainStatus $status ): array {
		// While a change waits, the problems are those before it.
		if ( ! $status->problems || in_array( $status->state, array( 'pending', 'rejected' ), true ) ) {
			list( $sentence, $remedy ) = self::texts( $status->cause, $status->reason );
			return array( $sentence, 'nobody' === $status->cause->actor() && ! $status->cause->isProblem() ? '' : $remedy );
		}
		$sentences = array();
		$remedies  = array();
		foreach ( $status->problems as $cause ) {
			list( $sentences[], $remedies[] ) = self::texts( $cause, $status->reason );
		}
		return array( implode( '; ', array_unique( $sentences ) ), implode( ' ', array_unique( array_filter( $remedies ) ) ) );
	}

	/** The cause and the remedy for an administrator, in one line. */
	public static function line( DomainStatus $status ): string {
		return implode( '. ', array_filter( self::for_operator( $status ) ) );
	}

	/**
	 * The sentence and the remedy of a cause. What this release has no text for keeps the worker's sentence.
	 *
	 * @param Cause  $cause  The cause.
	 * @param string $reason The worker's sentence.
	 * @return array{string, string}
	 */
	public static function texts( Cause $cause, string $reason ): array {
		list( $sentence, $remedy ) = CauseTexts::of( $cause->code );
		return '' === $sentence ? array( rtrim( $reason, '.' ), '' ) : array( self::fill( $cause, $sentence ), self::fill( $cause, $remedy ) );
	}

	/**
	 * The problem of one name for a customer; empty if the domain's owner need not know it.
	 *
	 * @param Cause $cause The problem.
	 */
	public static function problem( Cause $cause ): string {
		$name = $cause->text( 'name' );
		switch ( true ) {
			case 'owner' === $cause->actor():
				list( $sentence, $remedy ) = CauseTexts::of( $cause->code );
				return self::fill( $cause, ucfirst( $sentence ) ) . '. ' . self::fill( $cause, $remedy );
			case in_array( $cause->code, self::FOR_OPERATORS, true ):
				return '';
			case in_array( $cause->code, self::SETTING_UP, true ):
				return __( 'This domain is being set up.', 'pilotsync' );
			case in_array( $cause->code, self::ISSUING, true ):
				/* translators: %s: domain name */
				return sprintf( __( 'The DNS records of %s are right. Its certificate is being issued; that usually takes 5 to 15 minutes.', 'pilotsync' ), $name );
			case in_array( $cause->code, self::NO_CERTIFICATE, true ):
				/* translators: %s: domain name */
				return sprintf( __( 'The DNS records of %s are right, but it has no working certificate yet. Please contact the support of this network.', 'pilotsync' ), $name );
		}
		return self::unknown( $name );
	}

	private static function unknown( string $name ): string {
		return '' === $name ? __( 'This domain does not work yet. Please contact the support of this network.', 'pilotsync' )
			/* translators: %s: domain name */
			: sprintf( __( '%s does not work yet. Please contact the support of this network.', 'pilotsync' ), $name );
	}

	/** What to set where any address in one of some networks is right. */
	public static function address_in(): string {
		/* translators: keep {items}: networks, such as 203.0.113.0/24 */
		return __( 'an address in {items}', 'pilotsync' );
	}

	private static function fill( Cause $cause, string $template ): string {
		$lists = array(
			/* translators: keep what is in {braces}: the first items of a list, and how many others there are */
			__( '{items} and {count} more', 'pilotsync' ),
			/* translators: keep what is in {braces}: the first items of a list, and how many others there are at least */
			__( '{items} and at least {count} more', 'pilotsync' ),
			self::address_in(),
		);
		return $cause->fill( $template, CauseTexts::rules(), $lists );
	}
}
