<?php
/**
 * Standard Webhooks 1.0, the receiving side.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

/** Checks a webhook's signature and age. */
final class Signature {

	/** How far a webhook's time may be in the past or in the future, in seconds. */
	const TOLERANCE = 300;

	/** The minimum length of a secret in bytes, as for workers. */
	const BYTES = 24;

	/**
	 * The secrets in a setting, valid or not, which has spaces between them.
	 *
	 * @param string $setting PILOTSYNC_WEBHOOK_SECRET.
	 * @return string[]
	 */
	public static function split( string $setting ): array {
		return preg_split( '/\s+/', $setting, -1, PREG_SPLIT_NO_EMPTY );
	}

	/**
	 * Whether a secret is valid; workers have the same rule.
	 *
	 * @param string $secret whsec_ and base64.
	 */
	public static function is_secret( string $secret ): bool {
		$encoded = substr( $secret, 6 );
		$key     = base64_decode( $encoded, true ); // phpcs:ignore
		return 0 === strpos( $secret, 'whsec_' ) && 0 === strlen( $encoded ) % 4 && false !== $key && strlen( $key ) >= self::BYTES;
	}

	/**
	 * The key that signs: the bytes that a secret encodes; empty if it is invalid, such as one that is too short.
	 *
	 * @param string $secret whsec_ and base64.
	 */
	public static function key( string $secret ): string {
		return self::is_secret( $secret ) ? (string) base64_decode( substr( $secret, 6 ), true ) : ''; // phpcs:ignore
	}

	/**
	 * What is wrong with a webhook; empty if it is recent and signed with one of the secrets.
	 *
	 * @param string[] $secrets    Each whsec_ and base64.
	 * @param string   $id         Header webhook-id.
	 * @param string   $timestamp  Header webhook-timestamp: seconds since 1970.
	 * @param string   $signatures Header webhook-signature: one or more, with spaces; v1 and a comma before each.
	 * @param string   $body       The body as received.
	 * @param int      $now        Seconds since 1970.
	 */
	public static function problem( array $secrets, string $id, string $timestamp, string $signatures, string $body, int $now ): string {
		if ( '' === $id || '' === $signatures || ! preg_match( '/^[0-9]{1,12}$/D', $timestamp ) ) {
			return 'webhook-id, webhook-timestamp or webhook-signature is missing';
		}
		$matches = false;
		foreach ( $secrets as $secret ) {
			$key = self::key( $secret );
			if ( '' === $key ) {
				continue;
			}
			$expected = 'v1,' . base64_encode( hash_hmac( 'sha256', "$id.$timestamp.$body", $key, true ) ); // phpcs:ignore
			foreach ( explode( ' ', $signatures ) as $signature ) {
				// All are compared, even after a match, for a constant time.
				$matches = hash_equals( $expected, $signature ) || $matches;
			}
		}
		if ( ! $matches ) {
			return 'the signature is wrong';
		}
		if ( abs( $now - (int) $timestamp ) > self::TOLERANCE ) {
			return 'the webhook is too old, or a clock is wrong';
		}
		return '';
	}
}
