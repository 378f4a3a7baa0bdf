<?php
/**
 * Ultimate Multisite's stage for a state of pilotsync.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

/**
 * Pure decisions, without reads or writes.
 *
 * A stage has an effect: Ultimate Multisite serves a site only while its mapping is in an active stage (done or
 * done-without-ssl). In an inactive stage visitors get the network's sign-up page.
 */
final class Stage {

	/** The stages in which Ultimate Multisite's own check is in progress. Both are inactive. */
	const CHECKING = array( 'checking-dns', 'checking-ssl-cert' );

	/** The active stages of all versions. */
	const ACTIVE = array( 'done', 'done-without-ssl' );

	/**
	 * The next stage of a mapping and its flag secure, with which the site redirects visitors to https.
	 *
	 * An active mapping never gets an inactive stage: only an administrator or Ultimate Multisite itself takes a site offline.
	 *
	 * @param string $state            pilotsync's state.
	 * @param string $stage            The mapping's present stage.
	 * @param bool   $active           Whether that stage is active.
	 * @param bool   $certificate_over Whether the certificate that a worker last saw has expired.
	 * @param bool   $has_ssl_failed   Whether this version of Ultimate Multisite has the stage ssl-failed.
	 * @return array{string, bool|null}|null The stage and the flag (null: unchanged); null if nothing changes.
	 */
	public static function next( string $state, string $stage, bool $active, bool $certificate_over, bool $has_ssl_failed ): ?array {
		if ( $active ) {
			return self::next_of_active( $state, $stage, $certificate_over );
		}
		switch ( $state ) {
			case 'done':
				return array( 'done', true );
			case 'done-without-ssl':
				// In done-without-ssl the site redirects to http. Older versions have no other stage.
				return $has_ssl_failed ? array( 'ssl-failed', null ) : array( 'done-without-ssl', false );
			case 'pending':
				return array( 'checking-dns', null );
			case 'checking-dns':
			case 'checking-ssl-cert':
			case 'failed':
				return array( $state, null );
			case 'rejected':
			case 'removed': // It is still mapped, so the name was removed elsewhere.
				return array( 'failed', null );
		}
		return null; // A state that is newer than this plugin.
	}

	/**
	 * Whether a state is a problem of a mapping that stays active. The stage doesn't show it, so a notice must.
	 *
	 * @param string $state pilotsync's state.
	 * @param string $stage The mapping's stage before the event.
	 * @param string $last  The state in the event before; empty if there was none.
	 * @param bool   $known Whether there already is a problem.
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
				// The start of a verification is a problem only if the domain worked before.
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
		// With https, visitors would now get a warning.
		if ( 'done-without-ssl' === $state && 'done' === $stage && $certificate_over ) {
			return array( 'done-without-ssl', false );
		}
		return null;
	}
}
