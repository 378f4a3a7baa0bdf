<?php
/**
 * Which stage of Ultimate Multisite a state of pilotsync is.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

/**
 * Decides; it neither reads nor writes anything.
 *
 * A stage is no label: Ultimate Multisite serves a site only while its mapping is in an active stage (done, or
 * done-without-ssl). In an inactive one visitors get the network's sign-up page.
 */
final class Stage {

	/** The stages in which Ultimate Multisite's own check is in progress. Both are inactive. */
	const CHECKING = array( 'checking-dns', 'checking-ssl-cert' );

	/** The active stages of all versions. */
	const ACTIVE = array( 'done', 'done-without-ssl' );

	/**
	 * The stage that a mapping gets, and its flag secure, with which the site redirects visitors to https.
	 *
	 * An active mapping never gets an inactive stage: only a person or Ultimate Multisite itself takes a site off the web.
	 *
	 * @param string $state            pilotsync's state.
	 * @param string $stage            The mapping's stage now.
	 * @param bool   $active           Whether that is an active one.
	 * @param bool   $certificate_over Whether the certificate that a worker last saw has ended.
	 * @param bool   $has_ssl_failed   Whether this version of Ultimate Multisite has the stage ssl-failed.
	 * @return array{string, bool|null}|null The stage, and the flag, null to leave it; null if nothing changes.
	 */
	public static function next( string $state, string $stage, bool $active, bool $certificate_over, bool $has_ssl_failed ): ?array {
		if ( $active ) {
			return self::next_of_active( $state, $stage, $certificate_over );
		}
		switch ( $state ) {
			case 'done':
				return array( 'done', true );
			case 'done-without-ssl':
				// With done-without-ssl the site would redirect to http. The older versions have nothing else.
				return $has_ssl_failed ? array( 'ssl-failed', null ) : array( 'done-without-ssl', false );
			case 'pending':
				return array( 'checking-dns', null );
			case 'checking-dns':
			case 'checking-ssl-cert':
			case 'failed':
				return array( $state, null );
			case 'rejected':
			case 'removed': // Though it is still mapped: the name was removed elsewhere.
				return array( 'failed', null );
		}
		return null; // A state that is newer than this plugin.
	}

	/**
	 * Whether a state is a problem of a mapping that stays active: the stage doesn't say so, and people have to hear of it.
	 *
	 * @param string $state pilotsync's state.
	 * @param string $stage The mapping's stage before the event.
	 * @param string $last  The state that the event before told; empty if there was none.
	 * @param bool   $known Whether there is a problem already.
	 */
	public static function is_problem( string $state, string $stage, string $last, bool $known ): bool {
		switch ( $state ) {
			case 'failed':
			case 'rejected':
			case 'removed':
				return true;
			case 'done-without-ssl':
				return $known || 'done-without-ssl' !== $stage;
			case 'checking-dns':
			case 'checking-ssl-cert':
				// The start of a verification is no problem, but the end of a time in which the domain worked is.
				return $known || 'done' === $last;
			case 'done':
				return false;
		}
		return $known; // Pending, or a state that is newer than this plugin.
	}

	private static function next_of_active( string $state, string $stage, bool $certificate_over ): ?array {
		if ( 'done' === $state && 'done' !== $stage ) {
			return array( 'done', true );
		}
		// Visitors sent to https would only get a warning by now.
		if ( 'done-without-ssl' === $state && 'done' === $stage && $certificate_over ) {
			return array( 'done-without-ssl', false );
		}
		return null;
	}
}
