<?php

declare(strict_types=1);

namespace Pilotsync\Exception;

/** Redis can't be reached, doesn't answer in time, or doesn't serve yet: later it may. */
final class RedisUnavailable extends NotEnqueued
{
}
