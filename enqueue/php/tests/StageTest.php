<?php

declare(strict_types=1);

namespace Pilotsync\Tests;

use PHPUnit\Framework\TestCase;
use Pilotsync\WordPress\Stage;

require_once __DIR__ . '/../wordpress/src/Stage.php';

/** Visitors see a site only in an active stage. */
final class StageTest extends TestCase
{
    private const STATES = ['pending', 'checking-dns', 'checking-ssl-cert', 'done', 'done-without-ssl', 'failed', 'rejected', 'removed', 'later-than-this'];

    public function testNoStateMovesAnActiveMappingToAnInactiveStage(): void
    {
        foreach (self::STATES as $state) {
            foreach (Stage::ACTIVE as $stage) {
                foreach ([[false, false], [false, true], [true, false], [true, true]] as [$over, $hasSslFailed]) {
                    $next = Stage::next($state, $stage, true, $over, $hasSslFailed);
                    self::assertContains($next[0] ?? $stage, Stage::ACTIVE, "$state of a mapping that is $stage");
                }
            }
        }
    }

    /**
     * @dataProvider moves
     * @param array{string, bool|null}|null $want
     */
    public function testEachStateHasItsNextStage(string $state, string $stage, bool $active, bool $over, bool $hasSslFailed, ?array $want): void
    {
        self::assertSame($want, Stage::next($state, $stage, $active, $over, $hasSslFailed));
    }

    /** @return array<string, array{string, string, bool, bool, bool, array{string, bool|null}|null}> */
    public function moves(): array
    {
        return [
            'the first certificate' => ['done', 'checking-ssl-cert', false, false, true, ['done', true]],
            'done again doesn\'t change secure' => ['done', 'done', true, false, true, null],
            'a certificate at last' => ['done', 'done-without-ssl', true, false, true, ['done', true]],
            'no certificate yet that ended' => ['done-without-ssl', 'done', true, false, true, null],
            'a certificate that ended' => ['done-without-ssl', 'done', true, true, true, ['done-without-ssl', false]],
            'it expired during the verification' => ['checking-ssl-cert', 'done', true, true, true, null],
            'never served, no certificate' => ['done-without-ssl', 'checking-ssl-cert', false, false, true, ['ssl-failed', null]],
            'the same in an older version' => ['done-without-ssl', 'checking-ssl-cert', false, false, false, ['done-without-ssl', false]],
            'never served, refused' => ['rejected', 'checking-dns', false, false, true, ['failed', null]],
            'never served, removed elsewhere' => ['removed', 'checking-dns', false, false, true, ['failed', null]],
            'a state of a later release' => ['later-than-this', 'checking-dns', false, false, true, null],
        ];
    }

    /** @dataProvider problems */
    public function testProblemsOfServedSites(string $state, string $stage, string $last, bool $known, bool $want): void
    {
        self::assertSame($want, Stage::is_problem($state, $stage, $last, $known));
    }

    /** @return array<string, array{string, string, string, bool, bool}> */
    public function problems(): array
    {
        return [
            'handed over for the first time' => ['checking-dns', 'done', '', false, false],
            'worked until three rechecks failed' => ['checking-ssl-cert', 'done', 'done', false, true],
            'a verification after a problem' => ['checking-dns', 'done', 'failed', true, true],
            'DNS never pointed here' => ['failed', 'done', 'checking-dns', false, true],
            'no certificate' => ['done-without-ssl', 'done', 'checking-ssl-cert', false, true],
            'no certificate, as before' => ['done-without-ssl', 'done-without-ssl', '', false, false],
            'works' => ['done', 'done', 'failed', true, false],
            'a state of a later release keeps the problem' => ['later-than-this', 'done', 'failed', true, true],
            'a state of a later release is none by itself' => ['later-than-this', 'done', 'done', false, false],
        ];
    }
}
