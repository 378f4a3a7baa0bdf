<?php
/**
 * The daily e-mail about domains.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

use Pilotsync\Exception\PilotsyncException;

/**
 * Checks all mapped domains once a day. It lists those that need attention if one of them wasn't in the last e-mail, or if
 * that e-mail is a week old. So an abandoned domain doesn't cause an e-mail every day.
 */
final class Digest {

	/** How many domains an e-mail lists. */
	const NAMED = 50;

	/** Codes of certificates that were not renewed in time. */
	const EXPIRING = array( 'CertificateExpiring', 'CustomCertificateExpiring', 'ProxyCertificateExpiring' );

	/**
	 * The time between two checks, in seconds: an hour less than a day, since it runs hourly and
	 * never to the minute.
	 */
	const EVERY = DAY_IN_SECONDS - HOUR_IN_SECONDS;

	/** @var Settings */
	private $settings;
	/** @var StatusReader */
	private $statuses;
	/** @var Mails */
	private $mails;

	public function __construct( Settings $settings, StatusReader $statuses, Mails $mails ) {
		$this->settings = $settings;
		$this->statuses = $statuses;
		$this->mails    = $mails;
	}

	/** Runs the check if it is due. While Redis is unavailable it waits for the next hour. */
	public function hourly(): void {
		if ( ! $this->settings->mail_to() ) {
			return;
		}
		try {
			Lock::hold( 'digest', 0, array( $this, 'check' ) );
		} catch ( \RuntimeException $e ) { // Other scheduled work must run.
			Log::general( $e->getMessage(), 'error' );
		}
	}

	/** Checks the domains and queues the e-mail; only under the lock. */
	public function check(): bool {
		$last = Installation::get( Schema::DIGEST ); // The times of the last check and e-mail, and fingerprints of the e-mail's domains.
		$last = is_array( $last ) ? $last : array(
			'looked_at' => 0,
			'wrote_at'  => 0,
			'about'     => array(),
		);
		if ( time() - $last['looked_at'] < self::EVERY ) {
			return false;
		}
		try {
			$entries = $this->collect();
		} catch ( PilotsyncException $e ) {
			return false;
		}
		$about  = array_map( array( self::class, 'fingerprint' ), array_keys( $entries ), $entries );
		$number = 1 + ( $last['number'] ?? 0 );
		$write  = $entries && ( array_diff( $about, $last['about'] ) || time() - $last['wrote_at'] >= WEEK_IN_SECONDS );
		if ( $write ) {
			$this->write( $entries, $number );
		}
		Installation::set(
			Schema::DIGEST,
			array(
				'looked_at' => time(),
				'number'    => $write ? $number : $number - 1,
				'wrote_at'  => $write ? time() : $last['wrote_at'],
				// A domain that worked meanwhile is news when it fails again.
				'about'     => $write ? $about : array_values( array_intersect( $last['about'], $about ) ),
			)
		);
		return $write;
	}

	/**
	 * The domains that need attention, in the order of their names.
	 *
	 * @return array<string, DomainStatus>
	 * @throws PilotsyncException If Redis doesn't answer.
	 */
	private function collect(): array {
		$entries = array();
		foreach ( Mapping::all() as list( $domain ) ) {
			/** This filter is documented in NativeChecks.php. */
			$status = apply_filters( 'pilotsync_verifies_domain', true, $domain ) ? $this->statuses->from_redis( $domain ) : null;
			if ( $status && self::needs_attention( $domain, $status ) ) {
				$entries[ $domain ] = $status;
			}
		}
		ksort( $entries );
		return $entries;
	}

	private static function needs_attention( string $domain, DomainStatus $status ): bool {
		if ( 'done-without-ssl' === $status->state && 0 === strpos( $domain, '*.' ) ) {
			return false; // A wildcard can't get a certificate.
		}
		return in_array( $status->state, array( 'failed', 'rejected', 'removed', 'done-without-ssl' ), true )
			|| array() !== array_intersect( self::EXPIRING, array_column( $status->problems, 'code' ) );
	}

	private static function fingerprint( string $domain, DomainStatus $status ): string {
		return substr( md5( $domain . ' ' . $status->state ), 0, 12 );
	}

	/**
	 * Queues the e-mail.
	 *
	 * @param array<string, DomainStatus> $entries By name.
	 * @param int                     $number  The e-mail's number, from 1; a day can have two.
	 */
	private function write( array $entries, int $number ): void {
		$n = count( $entries );
		/* translators: %d: number of domains */
		$subject    = sprintf( _n( '%d domain needs attention', '%d domains need attention', $n, 'pilotsync' ), $n );
		$paragraphs = array( __( 'These mapped domains do not work, or will soon stop working:', 'pilotsync' ) );
		foreach ( array_slice( $entries, 0, self::NAMED, true ) as $domain => $status ) {
			list( $cause, $remedy ) = Sentences::for_operator( $status );
			$remedy                 = self::remedy( $status->state, $remedy ) . self::records( $domain, $status );
			$paragraphs[]           = StateName::of_domain( $domain ) . ' (' . StateName::of( $status->state ) . ")\n" . Mails::cause( $cause ) . ( '' === $remedy ? '' : "\n" . Mails::remedy( $remedy ) );
		}
		if ( $n > self::NAMED ) {
			$more = $n - self::NAMED;
			/* translators: %d: number of domains */
			$paragraphs[] = sprintf( _n( 'And %d more: "wp pilotsync status" shows it.', 'And %d more: "wp pilotsync status" shows them all.', $more, 'pilotsync' ), $more );
		}
		$this->mails->put( 'digest ' . $number, $subject, $paragraphs );
	}

	private static function remedy( string $state, string $remedy ): string {
		if ( 'removed' === $state ) {
			return __( 'Run "wp pilotsync resync" to add it to the list again, or delete the mapping.', 'pilotsync' );
		}
		return 'rejected' === $state && '' === $remedy ? __( 'Fix the cause. Then run "wp pilotsync resync".', 'pilotsync' ) : $remedy;
	}

	/** The DNS records to change, each on a line of its own. */
	private static function records( string $domain, DomainStatus $status ): string {
		$lines = '';
		foreach ( Records::of( $domain, $status ) as $record ) {
			$lines .= "\n  " . implode( ' ', Records::shown( $record ) );
		}
		return '' === $lines ? '' : "\n" . __( 'The domain\'s owner has to change these DNS records. Then it is checked again automatically.', 'pilotsync' ) . $lines;
	}
}
