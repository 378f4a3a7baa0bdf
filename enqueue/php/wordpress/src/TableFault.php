<?php
/**
 * The outbox's table doesn't do what it is to do.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

/**
 * The outbox couldn't be read, or what was sent couldn't be deleted. To send a change again is harmless, but not to do so
 * without end.
 */
final class TableFault extends \RuntimeException implements \Pilotsync\Exception\PilotsyncException {
}
