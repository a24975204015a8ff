import os

import yaml


def parse(path, root, is_train=True):
    with open(path) as file:
        opt = yaml.safe_load(file)
    opt['is_train'] = is_train
    for phase, dataset in opt['datasets'].items():
        dataset.update(phase=phase.split('_')[0], scale=opt['scale'])
    experiment = os.path.join(root, 'experiments', opt['name'])
    opt['path'].update(root=root, experiments_root=experiment, models=os.path.join(experiment, 'models'),
                       training_states=os.path.join(experiment, 'training_states'), log=experiment,
                       visualization=os.path.join(experiment, 'visualization'))
    for key in ('models', 'training_states'):
        os.makedirs(opt['path'][key], exist_ok=True)
    return opt
