<?php
/**
 * The status of a domain.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

use Pilotsync\Cause;

/** pilotsync's status of one domain. */
final class DomainStatus {

	/** @var string pilotsync's state. */
	public $state;

	/** @var string The worker's sentence, in English. It may be meant for administrators, and it may contain anything. */
	public $reason;

	/** @var Cause The explanation of the state; without a code if a worker of release 0.1.0 recorded it. */
	public $cause;

	/** @var Cause[] The causes of the names that don't work, or won't soon. */
	public $problems;

	/**
	 * The parts of a status.
	 *
	 * @param string     $state    pilotsync's state.
	 * @param string     $reason   The worker's sentence.
	 * @param Cause|null $cause    The explanation of the state.
	 * @param Cause[]    $problems The causes of the names that don't work, or won't soon.
	 */
	public function __construct( string $state, string $reason, ?Cause $cause = null, array $problems = array() ) {
		$this->state    = $state;
		$this->reason   = $reason;
		$this->cause    = $cause ? $cause : new Cause( '' );
		$this->problems = $problems;
	}

	/** The status that the library's client returned. */
	public static function of_status( array $status ): self {
		return new self( $status['state'], $status['reason'], Cause::read( $status ), array_map( array( Cause::class, 'read' ), $status['problems'] ) );
	}

	/**
	 * The status that an event gives.
	 *
	 * @param string  $state    pilotsync's state.
	 * @param string  $reason   The worker's sentence.
	 * @param Cause   $cause    The explanation of the state.
	 * @param Cause[] $warnings The causes of the domain's other names that don't work, or won't soon.
	 */
	public static function of_event( string $state, string $reason, Cause $cause, array $warnings ): self {
		return new self( $state, $reason, $cause, array_merge( $cause->isProblem() ? array( $cause ) : array(), $warnings ) );
	}
}
