<?php

declare(strict_types=1);

namespace Pilotsync\Exception;

/**
 * The queue already has a task with this change's id. Its order number was given out twice, which
 * happens only if Redis loses its memory while its clock is set back. All other changes of the
 * batch were enqueued.
 */
final class TaskExists extends NotEnqueued
{
}
