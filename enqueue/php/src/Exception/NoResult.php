<?php

declare(strict_types=1);

namespace Pilotsync\Exception;

/** No worker answered a check in time: none runs, none serves the app, or all are of an earlier release. */
final class NoResult extends \RuntimeException implements PilotsyncException
{
}
