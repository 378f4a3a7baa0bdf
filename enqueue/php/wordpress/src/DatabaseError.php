<?php
/**
 * An error of the database.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

/**
 * A table couldn't be read, or sent changes couldn't be deleted from the outbox. Sending a change twice is harmless, but
 * not sending it for ever.
 */
final class DatabaseError extends \RuntimeException implements \Pilotsync\Exception\PilotsyncException {
}
