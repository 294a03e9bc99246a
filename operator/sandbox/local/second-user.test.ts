import { describeLocal } from '../../../test/support/local-subjects.ts';

describeLocal('user', 'second-user');
