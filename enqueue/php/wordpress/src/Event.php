<?php
/**
 * What a webhook says.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

use Pilotsync\Cause;

/** An event of pilotsync. */
final class Event {

	/** @var string domain.state, app.blocked, app.recovered, ledger.lost, or a type that is newer than this plugin. */
	public $type;
	/** @var string ServerPilot's id of the app. */
	public $app_id;
	/** @var string When it happened: in UTC with microseconds, so that the text sorts by time. */
	public $at;
	/** @var string The worker's sentence, in English. */
	public $reason;
	/** @var Cause Its code and parameters; without a code if a worker of release 0.1.0 sent this. */
	public $cause;
	/** @var Cause[] The causes of the domain's other names that don't work, or won't soon. */
	public $warnings = array();
	/** @var string Empty for an event about the app. */
	public $domain = '';
	/** @var string */
	public $state = '';

	/** The longest stored reason, in characters; longer ones don't fit the column. */
	private const REASON = 2000;
	/** @var string Identity of the new ledger; only in ledger.lost. */
	public $ledger = '';
	/** @var string When the last seen certificate expires, in the form of $at; empty if there was none, or if an older worker sent this. */
	public $certificate_until = '';

	/** Whether the last seen certificate had expired at the time of the event. */
	public function certificate_over(): bool {
		return '' !== $this->certificate_until && strcmp( $this->certificate_until, $this->at ) <= 0;
	}

	/**
	 * Reads an event; null if the body isn't one.
	 *
	 * @param mixed $body Decoded JSON.
	 */
	public static function parse( $body ): ?self {
		if ( ! is_array( $body ) ) {
			return null;
		}
		foreach ( array( 'type', 'app_id', 'at' ) as $field ) {
			if ( ! isset( $body[ $field ] ) || ! is_string( $body[ $field ] ) || '' === $body[ $field ] ) {
				return null;
			}
		}
		$event         = new self();
		$event->type   = $body['type'];
		$event->app_id = $body['app_id'];
		$event->reason = isset( $body['reason'] ) && is_string( $body['reason'] ) ? mb_substr( $body['reason'], 0, self::REASON ) : '';
		$event->cause  = Cause::read( $body );
		$event->at     = self::utc( $body['at'] );
		if ( isset( $body['warnings'] ) && is_array( $body['warnings'] ) ) {
			$event->warnings = array_map( array( Cause::class, 'read' ), array_values( $body['warnings'] ) );
		}
		if ( 'domain.state' === $event->type ) {
			foreach ( array( 'domain', 'state' ) as $field ) {
				if ( ! isset( $body[ $field ] ) || ! is_string( $body[ $field ] ) || '' === $body[ $field ] ) {
					return null;
				}
				$event->$field = $body[ $field ];
			}
			if ( isset( $body['certificate_until'] ) && is_string( $body['certificate_until'] ) ) {
				$event->certificate_until = self::utc( $body['certificate_until'] );
			}
		}
		if ( 'ledger.lost' === $event->type ) {
			if ( ! isset( $body['ledger'] ) || ! is_string( $body['ledger'] ) || '' === $body['ledger'] ) {
				return null;
			}
			$event->ledger = $body['ledger'];
		}
		return '' === $event->at ? null : $event;
	}

	/**
	 * An RFC 3339 time, with any number of fractional digits, in one form; empty if it is
	 * invalid.
	 */
	private static function utc( string $time ): string {
		if ( ! preg_match( '/^(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)$/D', $time, $part ) ) {
			return '';
		}
		try {
			$whole = new \DateTimeImmutable( $part[1] . 'T' . $part[2] . strtoupper( $part[4] ) );
		} catch ( \Exception $e ) {
			return '';
		}
		return $whole->setTimezone( new \DateTimeZone( 'UTC' ) )->format( 'Y-m-d\TH:i:s' ) . '.' . substr( str_pad( $part[3], 6, '0' ), 0, 6 ) . 'Z';
	}
}
