<?php
/**
 * Where a domain stands.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

/** What pilotsync says of one domain. */
final class Standing {

	/** @var string pilotsync's state. */
	public $state;

	/** @var string The worker's sentence, in English. It may hold words for administrators only, and anything else. */
	public $reason;

	/**
	 * What is wrong with each of its names: the name; a cause of the library's tasks/problem.go; the addresses that DNS
	 * has and shouldn't have; those that it should have.
	 *
	 * @var array<array{string, string, string[], string[]}>
	 */
	public $problems = array();

	/**
	 * Reads what Redis or an event has.
	 *
	 * @param string $state    pilotsync's state.
	 * @param string $reason   The worker's sentence.
	 * @param mixed  $problems Decoded JSON; what isn't as it should be is left out.
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

	/** Whether a domain's last verification found something with this cause. */
	public function has( string $cause ): bool {
		return in_array( $cause, array_column( $this->problems, 1 ), true );
	}

	/** The reason without what to do, and what to do: workers put that behind "Next:" once a verification has ended. */
	public function cause_and_remedy(): array {
		$parts = explode( '. Next: ', $this->reason, 2 );
		return array( rtrim( $parts[0], '.' ), isset( $parts[1] ) ? ucfirst( rtrim( $parts[1], '.' ) ) : '' );
	}

	/** @return string[] */
	private static function texts( array $problem, string $field ): array {
		return isset( $problem[ $field ] ) && is_array( $problem[ $field ] ) ? array_values( array_filter( $problem[ $field ], 'is_string' ) ) : array();
	}
}
