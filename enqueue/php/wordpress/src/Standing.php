<?php
/**
 * The status of a domain.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

/** pilotsync's status of one domain. */
final class Standing {

	/** @var string pilotsync's state. */
	public $state;

	/** @var string The worker's sentence, in English. It may be meant for administrators, and it may contain anything. */
	public $reason;

	/**
	 * The problem of each name: the name; a cause as in tasks/problem.go; the addresses that DNS has but shouldn't have;
	 * those that it should have.
	 *
	 * @var array<array{string, string, string[], string[]}>
	 */
	public $problems = array();

	/**
	 * Reads the status from Redis or from an event.
	 *
	 * @param string $state    pilotsync's state.
	 * @param string $reason   The worker's sentence.
	 * @param mixed  $problems Decoded JSON; invalid entries are skipped.
	 */
	public function __construct( string $state, string $reason, $problems = array() ) {
		$this->state  = $state;
		$this->reason = $reason;
		foreach ( is_array( $problems ) ? $problems : array() as $problem ) {
			if ( is_array( $problem ) && isset( $problem['name'], $problem['cause'] ) && is_string( $problem['name'] ) && is_string( $problem['cause'] ) ) {
				$this->problems[] = array( $problem['name'], $problem['cause'], self::texts( $problem, 'found' ), self::texts( $problem, 'expected' ) );
			}
		}
	}

	/** Whether the domain's last verification found a problem with this cause. */
	public function has( string $cause ): bool {
		return in_array( $cause, array_column( $this->problems, 1 ), true );
	}

	/** The cause and the remedy, which workers put after "Next:" once a verification has ended. */
	public function cause_and_remedy(): array {
		$parts = explode( '. Next: ', $this->reason, 2 );
		return array( rtrim( $parts[0], '.' ), isset( $parts[1] ) ? ucfirst( rtrim( $parts[1], '.' ) ) : '' );
	}

	/** @return string[] */
	private static function texts( array $problem, string $field ): array {
		return isset( $problem[ $field ] ) && is_array( $problem[ $field ] ) ? array_values( array_filter( $problem[ $field ], 'is_string' ) ) : array();
	}
}
