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

	/** The forms of the texts that name something; of domains, no more is certain than that. */
	private const FORMS = array(
		'type'   => '/^[a-z][a-z._-]{0,63}$/D',
		'app_id' => '/^[A-Za-z0-9_-]{1,64}$/D',
		'at'     => '/^.{1,40}$/D',
		'domain' => '/^[^\p{C}\p{Z}\/\\\\]{1,253}$/Du',
		'state'  => '/^[a-z][a-z-]{0,19}$/D',
		'ledger' => '/^[A-Za-z0-9_-]{1,64}$/D',
	);

	/** How many other names' causes are stored. */
	private const WARNINGS = 20;
	/** @var string Identity of the new ledger; only in ledger.lost. */
	public $ledger = '';
	/** @var string When the last seen certificate expires, in the form of $at; empty if there was none, or if an older worker sent this. */
	public $certificate_until = '';

	/**
	 * Whether the event is from the future, so far that a clock is wrong or somebody made it up: it would make all later
	 * events look old.
	 *
	 * @param int $now Seconds since 1970.
	 */
	public function is_ahead( int $now ): bool {
		return self::ahead( $this->at, $now );
	}

	/**
	 * Whether the event is later than the last one that was applied. A stored time of the future counts for nothing.
	 *
	 * @param string $last The time of the last applied event, in the form of $at; empty if there was none.
	 * @param int    $now  Seconds since 1970.
	 */
	public function is_later( string $last, int $now ): bool {
		return strcmp( $this->at, $last ) > 0 || self::ahead( $last, $now );
	}

	private static function ahead( string $at, int $now ): bool {
		return strcmp( $at, gmdate( 'Y-m-d\TH:i:s', $now + Signature::TOLERANCE ) . '.999999Z' ) > 0;
	}

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
		$event = new self();
		if ( ! $event->take( $body, array( 'type', 'app_id', 'at' ) ) ) {
			return null;
		}
		$event->reason = isset( $body['reason'] ) && is_string( $body['reason'] ) ? Log::printable( $body['reason'], self::REASON ) : '';
		$event->cause  = Cause::read( $body );
		$event->at     = self::utc( $event->at );
		if ( isset( $body['warnings'] ) && is_array( $body['warnings'] ) ) {
			$event->warnings = array_map( array( Cause::class, 'read' ), array_slice( array_values( $body['warnings'] ), 0, self::WARNINGS ) );
		}
		if ( 'domain.state' === $event->type ) {
			if ( ! $event->take( $body, array( 'domain', 'state' ) ) ) {
				return null;
			}
			if ( isset( $body['certificate_until'] ) && is_string( $body['certificate_until'] ) ) {
				$event->certificate_until = self::utc( $body['certificate_until'] );
			}
		}
		if ( 'ledger.lost' === $event->type && ! $event->take( $body, array( 'ledger' ) ) ) {
			return null;
		}
		return '' === $event->at ? null : $event;
	}

	/**
	 * Takes fields from a body; false if one is missing or has another form.
	 *
	 * @param array    $body   Decoded JSON.
	 * @param string[] $fields Some of FORMS.
	 */
	private function take( array $body, array $fields ): bool {
		foreach ( $fields as $field ) {
			if ( ! isset( $body[ $field ] ) || ! is_string( $body[ $field ] ) || ! preg_match( self::FORMS[ $field ], $body[ $field ] ) ) {
				return false;
			}
			$this->$field = $body[ $field ];
		}
		return true;
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
