<?php
/**
 * The outbox couldn't be shortened.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

/** What was sent is still in the outbox. To send it again is harmless, but not to do so without end. */
final class NotDeleted extends \RuntimeException implements \Pilotsync\Exception\PilotsyncException {
}
